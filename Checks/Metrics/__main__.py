"""Lets Prometheus read a server's metrics with the files in deploy/.

    python3 -m Checks.Metrics

The server is .build/release/chat-api (or CHAT_API); Prometheus comes from Debian, unpacked and not installed. promtool
accepts the metrics and the rules; Prometheus scrapes the server as deploy/prometheus.yml says, with a server key, counts
its posts, evaluates the rules and answers every query of the dashboard. Uses only the standard library; ends with a line
`N passed, M failed`.
"""
import contextlib
import http.client
import json
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

from Checks.Support.ports import free_port
from Checks.Support.server import BINARY, Server, chat_api, exchange
from Checks.Support.tally import Tally

POSTS = 7
SECONDS = 20
COUNT = 'chat_http_requests_total{method="POST",route="/chats/{chat_id}/messages/",status="201"}'
DEPLOY = Path("deploy")


class Checks(Tally):
    def run(self, name: str, *command: str | Path, text: str | None = None) -> None:
        done = subprocess.run(command, input=text, capture_output=True, text=True)
        # promtool also writes advice, with status 0.
        self.add(name, done.returncode and done.stdout + done.stderr or done.stderr)


def get(port: int, path: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)) as connection:
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


@contextlib.contextmanager
def prometheus(program: Path, folder: Path, target: int, key: str) -> Iterator[int]:
    """Prometheus with the example's configuration, which differs only in what it must."""
    (folder / "key").write_text(key)
    configuration = (DEPLOY / "prometheus.yml").read_text()
    for example, actual in {
        ": 15s": ": 1s", "localhost:8000": f"127.0.0.1:{target}", "alerts.yml": str((DEPLOY / "alerts.yml").resolve()),
        "/etc/prometheus/chat-api.key": str(folder / "key"),
    }.items():
        assert example in configuration, example
        configuration = configuration.replace(example, actual)
    (folder / "prometheus.yml").write_text(configuration)
    port = free_port()
    with open(folder / "log", "w") as log:
        process = subprocess.Popen(
            [
                program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn",
            ],
            stdout=log, stderr=log,
        )
    try:
        yield port
    finally:
        process.terminate()
        process.wait(SECONDS)
        print((folder / "log").read_text(), end="")


def query(port: int, text: str) -> list[dict]:
    status, body = get(port, "/api/v1/query?" + urllib.parse.urlencode({"query": text}))
    if status != 200:
        raise RuntimeError(f"{text}: {body}")
    return json.loads(body)["data"]["result"]


def wait_for(port: int, text: str) -> list[dict]:
    """The result of a query, once there is one."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if result := query(port, text):
                return result
        time.sleep(0.1)
    return []


def dashboard_queries() -> Iterator[str]:
    for panel in json.loads((DEPLOY / "grafana-dashboard.json").read_text())["panels"]:
        for target in panel["targets"]:
            yield target["expr"].replace("$__rate_interval", "1m").replace("$instance", ".*")


def check_scraping(checks: Checks, bin_folder: Path, folder: Path) -> None:
    key = f"sk_check_{secrets.token_hex(24)}"
    server = Server(
        BINARY, "serve", "--port=0", f"--database-url=sqlite:///{folder}/chat.db", environment={"CHAT_SERVER_KEY": key},
    )
    try:
        authorization = {"Authorization": f"Bearer {key}"}
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port)) as connection:
            exchange(connection, "POST", "/chats/", {"title": "metrics"}, authorization)
            # Nobody listens there.
            exchange(connection, "POST", "/webhooks", {"url": f"http://127.0.0.1:{free_port()}/"}, authorization)
            for number in range(POSTS):
                exchange(connection, "POST", "/chats/1/messages/", {"text": str(number)}, authorization)
        checks.add("without a key", get(server.port, "/metrics")[0] != 401)
        status, text = get(server.port, "/metrics", authorization)
        checks.add("with a key", status != 200)
        checks.run("promtool check metrics", bin_folder / "promtool", "check", "metrics", text=text)
        with prometheus(bin_folder / "prometheus", folder, server.port, key) as port:
            wait_for(port, 'count_over_time(up{job="chat-api"}[1m]) > 1')
            posts = wait_for(port, COUNT)
            checks.add("posts that Prometheus counts", [sample["value"][1] for sample in posts] != [str(POSTS)])
            checks.add("a webhook that fails", not wait_for(port, 'chat_webhook_requests_total{result="retried"}'))
            checks.add("its delay", not wait_for(port, 'chat_webhook_delay_seconds{webhook="1"} > 0'))
            checks.add("scrapes that failed", query(port, "min_over_time(up[1m]) == 0"))
            for text in dashboard_queries():
                try:
                    query(port, text)
                    checks.add(text, None)
                except RuntimeError as error:
                    checks.add("a query of the dashboard", error)
            rules = json.loads(get(port, "/api/v1/rules")[1])["data"]["groups"][0]["rules"]
            checks.add("rules", [rule for rule in rules if rule["health"] == "err"])
            checks.add("alerts", [rule["name"] for rule in rules if rule["state"] != "inactive"])
    finally:
        server.stop()


def check_own_port(checks: Checks) -> None:
    own = free_port()
    # Hummingbird's own messages would name the port of the metrics first.
    server = chat_api("sqlite::memory:", f"--metrics-port={own}", "--log-level=notice")
    try:
        status, text = get(own, "/metrics", {"Accept": "application/openmetrics-text"})
        checks.add("the port of the metrics", status != 200 or not text.endswith("# EOF\n"))
        checks.add("the other port", get(server.port, "/metrics")[0] != 404)
        done = subprocess.run(
            [BINARY, "serve", "--port=0", "--database-url=sqlite::memory:", f"--metrics-port={own}"],
            capture_output=True, text=True,
        )
        complaint = f"cannot listen on 127.0.0.1:{own} for metrics"
        checks.add("a port that is taken", done.returncode != 1 or complaint not in done.stderr and done.stderr)
    finally:
        server.stop()


def main() -> int:
    unpacked = subprocess.run(["Scripts/unpack", "prometheus"], stdout=subprocess.PIPE, text=True, check=True)
    bin_folder = Path(unpacked.stdout.strip()) / "usr/bin"
    checks = Checks()
    checks.run("promtool check rules", bin_folder / "promtool", "check", "rules", DEPLOY / "alerts.yml")
    with tempfile.TemporaryDirectory() as folder:
        check_scraping(checks, bin_folder, Path(folder))
    check_own_port(checks)
    return checks.finish()


if __name__ == "__main__":
    sys.exit(main())
