"""Tries the files of deploy/ and the commands of docs/deploy.md: proxies in front of a server, units, backups.

    Scripts/with-postgres PYTHON -m Checks.Deploy

The server is .build/release/chat-api (or CHAT_API). PYTHON has the packages of Checks/Browser/requirements.txt. Ends with
a line `N passed, M failed`.
"""
import contextlib
import http.client
import http.server
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from selenium.webdriver.support.ui import WebDriverWait

from Checks.Browser.docs import browser
from Checks.Browser.events import FOLLOW
from Checks.Deploy.page import FILES, adapted, block, environment, example, unit
from Checks.Deploy.proxies import CLIENT, HOST, OUTSIDER, PROXIES, SECONDS, Proxy, caddy, nginx, program
from Checks.Support.cluster import ADDRESS, create_database, url
from Checks.Support.contract import replay
from Checks.Support.server import BINARY, Server, exchange
from Checks.WebSocket.wire import TEXT, frame

EVENT_STREAM = {"Accept": "text/event-stream"}


class Service:
    """The server as the unit starts it, on a database and a port that it keeps across restarts."""

    def __init__(self, folder: str, database: str | None = None, drain_delay: float = 0) -> None:
        self.database = database or f"sqlite:///{folder}/chat.db"
        self.drain_delay = drain_delay
        self.server = self._start(0)
        self.port = self.server.port
        self.is_running = True

    def _start(self, port: int) -> Server:
        # The checks send no credentials.
        variables = {**environment(), "DATABASE_URL": self.database, "CHAT_MIGRATE": "true", "CHAT_AUTH": "open"}
        command, = unit()["ExecStart"]
        options = [f"--port={port}", f"--drain-delay={self.drain_delay}"]
        return Server(BINARY, *command.split()[1:], *options, environment=variables)

    def stop(self) -> None:
        if self.is_running:
            self.is_running = False
            status = self.server.stop()
            assert status == 0, f"the server ended with status {status}"

    def start(self) -> None:
        self.server = self._start(self.port)
        self.is_running = True


@contextlib.contextmanager
def service(database: str | None = None, drain_delay: float = 0) -> Iterator[Service]:
    with tempfile.TemporaryDirectory() as folder:
        started = Service(folder, database, drain_delay)
        try:
            yield started
        finally:
            started.stop()


def post(connection: http.client.HTTPConnection, text: str) -> int:
    """Posts to chat 1 and returns the position."""
    status, _, message = exchange(connection, "POST", "/chats/1/messages/", {"text": text})
    assert status == 201, (status, message)
    return message["seq"]


def events(response: http.client.HTTPResponse) -> Iterator[tuple[str, dict]]:
    """The events of a stream, as they arrive."""
    fields: dict[str, str] = {}
    for line in response:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name:
            fields[name] = value
        elif "event" in fields:
            yield fields["event"], json.loads(fields.get("data", "null"))
            fields = {}


def until(stream: Iterator[tuple[str, dict]], kind: str) -> dict:
    for event, data in stream:
        if event == kind:
            return data
    raise AssertionError(f"the stream ended before {kind}")


def requests_and_refusals_pass_through(make_proxy: Callable) -> None:
    with service() as started, make_proxy(started.port) as proxy:
        connection = proxy.connection()
        status, _, chat = exchange(connection, "POST", "/chats/", {"title": "Deployed"})
        assert (status, chat["title"]) == (201, "Deployed"), chat
        assert post(connection, "Hello!") == 1
        status, _, answer = exchange(connection, "GET", "/chats/7")
        assert (status, answer["code"]) == (404, "chat_not_found"), answer


def outsiders_are_refused(make_proxy: Callable) -> None:
    with service() as started, make_proxy(started.port) as proxy:
        for path in ("/chats/", "/events", "/ws"):
            assert proxy.get(path, source=OUTSIDER).status == 403, path


def each_event_arrives_at_once(make_proxy: Callable) -> None:
    with service() as started, make_proxy(started.port) as proxy:
        connection = proxy.connection()
        exchange(connection, "POST", "/chats/", {"title": "Live"})
        streams = [events(proxy.get(path, EVENT_STREAM)) for path in ("/chats/1/events?after=0", "/events?chats=1:0")]
        lines = proxy.get("/events?chats=1:0", {"Accept": "application/x-ndjson"})
        for stream in streams:
            until(stream, "caught_up")
        while json.loads(lines.readline())["type"] != "caught_up":
            pass
        for text in ("one", "two"):
            seq = post(connection, text)
            for stream in streams:
                message = until(stream, "message.created")["message"]
                assert (message["seq"], message["text"]) == (seq, text), message
            assert json.loads(lines.readline())["message"]["text"] == text


def a_web_socket_opens_for_the_sites_own_pages(make_proxy: Callable) -> None:
    with service() as started, make_proxy(started.port) as proxy:
        connection = proxy.connection()
        exchange(connection, "POST", "/chats/", {"title": "Live"})
        with proxy.open_web_socket(f"https://{HOST}") as web_socket:
            assert " 101 " in web_socket.status, web_socket.status
            web_socket.send(frame(TEXT, b'{"op":"subscribe","ref":1,"chat_id":1,"after":0}'))
            messages = (json.loads(web_socket.receive()[1]) for _ in iter(int, 1))
            while next(messages).get("type") != "caught_up":
                pass
            post(connection, "Hello!")
            assert next(messages)["message"]["text"] == "Hello!"
        with proxy.open_web_socket("https://other.example") as web_socket:
            assert " 403 " in web_socket.status, web_socket.status


def a_text_is_read_while_it_is_written(make_proxy: Callable) -> None:
    with service() as started, make_proxy(started.port) as proxy:
        connection = proxy.connection()
        exchange(connection, "POST", "/chats/", {"title": "Growing"})
        status, _, message = exchange(connection, "POST", "/chats/1/messages/", {"open": True})
        assert status == 201, message
        path = f"/chats/1/messages/{message['id']}/text"
        writer, pieces = proxy.connection(), [b"It ", b"is ", b"raining."]
        writer.putrequest("POST", f"{path}?at=0")
        writer.putheader("Transfer-Encoding", "chunked")
        writer.endheaders()
        writer.send(b"%x\r\n%s\r\n" % (len(pieces[0]), pieces[0]))
        text = proxy.get(path)
        for piece, following in zip(pieces, [*pieces[1:], b""]):
            read = b""
            while len(read) < len(piece):
                read += text.read1(len(piece) - len(read))
            assert read == piece, read
            # An empty chunk ends the body.
            writer.send(b"%x\r\n%s\r\n" % (len(following), following))
        assert writer.getresponse().status == 200
        exchange(connection, "PATCH", f"/chats/1/messages/{message['id']}", {"state": "done"})
        assert text.read() == b""


def the_recorded_contract_holds(make_proxy: Callable) -> None:
    with service() as started, make_proxy(started.port) as proxy:
        replay(proxy.connection)


def several_servers_share_the_work(make_proxy: Callable) -> None:
    database = url(create_database("deploy"))
    # Longer than Caddy's health_interval.
    with service(database) as one, service(database, drain_delay=2) as other:
        address = f"127.0.0.1:{one.port}"
        both = {
            nginx: {f"server {address};": f"server {address}; server 127.0.0.1:{other.port};"},
            caddy: {f"reverse_proxy {address}": f"reverse_proxy {address} 127.0.0.1:{other.port}"},
        }
        with make_proxy(one.port, both[make_proxy]) as proxy:
            exchange(proxy.connection(), "POST", "/chats/", {"title": "Shared"})
            # The least busy server gets the next one, so they are on different ones.
            streams = [events(proxy.get("/chats/1/events?after=0", EVENT_STREAM)) for _ in range(2)]
            for stream in streams:
                until(stream, "caught_up")
            post(proxy.connection(), "Hello!")
            for stream in streams:
                assert until(stream, "message.created")["message"]["text"] == "Hello!"
            other.stop()
            post(proxy.connection(), "Still there")
            follow = {next(kind for kind, _ in stream if kind != "heartbeat") for stream in streams}
            assert follow == {"reconnect", "message.created"}, follow


class Echo(http.server.BaseHTTPRequestHandler):
    """Responds with the client's address as the proxy forwards it."""

    def do_GET(self) -> None:
        body = str(self.headers["X-Forwarded-For"]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def the_clients_address_is_forwarded(make_proxy: Callable) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo) as upstream:
        threading.Thread(target=upstream.serve_forever, daemon=True).start()
        with make_proxy(upstream.server_port) as proxy:
            for path in ("/chats/", "/events", "/inbox", "/chats/1/messages/1/text", "/ws"):
                # What the client itself claims must not get through.
                forwarded = proxy.get(path, {"X-Forwarded-For": "203.0.113.9"}).read().decode()
                assert forwarded == CLIENT, (path, forwarded)
        upstream.shutdown()


def the_caddyfile_is_valid_as_it_is() -> None:
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "HOME": folder, "XDG_DATA_HOME": folder, "XDG_CONFIG_HOME": folder}
        command = [program("caddy"), "validate", "--adapter", "caddyfile", "--config", FILES / "Caddyfile"]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert done.returncode == 0 and "Valid configuration" in done.stdout, done.stdout + done.stderr


def check_a_restart(started: Service, proxy: Proxy, while_stopped: Callable[[], None]) -> None:
    """Streams a chat through a restart, and checks that nothing is missing."""
    connection = proxy.connection()
    exchange(connection, "POST", "/chats/", {"title": "Live"})
    stream = events(proxy.get("/chats/1/events?after=0", EVENT_STREAM))
    until(stream, "caught_up")
    seq = post(connection, "before")
    assert until(stream, "message.created")["seq"] == seq
    started.stop()
    until(stream, "reconnect")
    assert next(stream, None) is None
    while_stopped()
    resumed = events(proxy.get("/chats/1/events", {**EVENT_STREAM, "Last-Event-ID": str(seq)}))
    post(proxy.connection(), "after")
    assert until(resumed, "message.created")["message"]["text"] == "after"


def is_told_to_come_back(response: http.client.HTTPResponse) -> bool:
    body = response.read().decode()
    return response.status == 200 and response.getheader("Content-Type") == "text/event-stream" \
        and response.getheader("Cache-Control") == "no-store" and re.match(r"retry: \d+\n(.+\n)*\n", body) is not None


def nginx_tells_streams_to_come_back_while_the_server_restarts() -> None:
    with service() as started, nginx(started.port) as proxy:
        def while_stopped() -> None:
            assert is_told_to_come_back(proxy.get("/chats/1/events", EVENT_STREAM))
            assert is_told_to_come_back(proxy.get("/events", EVENT_STREAM))
            assert proxy.get("/chats/1/events?wait=30&after=1").status == 503
            assert proxy.get("/chats/1").status == 502
            started.start()

        check_a_restart(started, proxy, while_stopped)


def caddy_lets_requests_wait_while_the_server_restarts() -> None:
    with service() as started, caddy(started.port) as proxy:
        def while_stopped() -> None:
            connection = proxy.connection()
            connection.request("GET", "/chats/1")
            started.start()
            assert connection.getresponse().status == 200

        check_a_restart(started, proxy, while_stopped)


def caddy_tells_streams_to_come_back_when_the_server_stays_away() -> None:
    with service() as started, caddy(started.port, {"lb_try_duration 15s": "lb_try_duration 1s"}) as proxy:
        started.stop()
        assert is_told_to_come_back(proxy.get("/events", EVENT_STREAM))
        # The second once a health check has failed, too.
        assert proxy.get("/chats/1").status in (502, 503)


def a_browsers_event_source_survives_a_restart_behind_nginx() -> None:
    with service() as started, nginx(started.port) as proxy:
        connection = proxy.connection()
        exchange(connection, "POST", "/chats/", {"title": "Live"})
        driver = browser(f"--host-resolver-rules=MAP {HOST}:443 127.0.0.1:{proxy.port}", "--ignore-certificate-errors")
        try:
            wait = WebDriverWait(driver, SECONDS)
            driver.get(f"https://{HOST}/docs")
            driver.execute_script(FOLLOW, "/chats/1/events")
            wait.until(lambda driver: driver.execute_script("return notices.includes('caught_up')"))
            post(connection, "before")
            started.stop()
            # The browser has reconnected while the server is down; any status but 200 would have ended its attempts.
            wait.until(lambda driver: driver.execute_script("return notices.filter(n => n == 'reconnect').length > 1"))
            started.start()
            post(proxy.connection(), "after")
            wait.until(lambda driver: driver.execute_script("return seen.length >= 2"))
            assert driver.execute_script("source.close(); return seen") == [[1, 1, "before"], [1, 2, "after"]]
        finally:
            driver.quit()


def nginx_limits_the_streams_of_an_address() -> None:
    limit = int(re.search(r"limit_conn chat_streams (\d+);", example("nginx.conf"))[1])
    with service() as started, nginx(started.port) as proxy:
        streams = [proxy.get("/events", EVENT_STREAM) for _ in range(limit)]
        assert all(next(events(stream))[0] == "hello" for stream in streams), "a stream is refused"
        assert is_told_to_come_back(proxy.get("/events", EVENT_STREAM))
        with proxy.open_web_socket(f"https://{HOST}") as web_socket:
            assert " 429 " in web_socket.status, web_socket.status
        assert proxy.get("/chats/").status == 200


def nginx_logs_no_query() -> None:
    with tempfile.TemporaryDirectory() as folder, service() as started:
        log = Path(folder) / "access.log"
        with nginx(started.port, {"/var/log/nginx/chat-api.log": str(log)}) as proxy:
            connection = proxy.connection()
            # By the second response, the first request has been logged.
            for _ in range(2):
                exchange(connection, "GET", "/chats/?ticket=hunter2")
            text = log.read_text()
            assert '"GET /chats/" 422 ' in text and "hunter2" not in text, text


def the_unit_is_valid_and_its_variables_are_settings() -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "chat-api.service"
        file.write_text(adapted(example(file.name), {"/usr/local/bin/chat-api": str(Path(BINARY).resolve())}))
        more = Path(f"{file}.d") / "tls.conf"
        more.parent.mkdir()
        more.write_text(example("chat-api-tls.conf"))
        checked = subprocess.run(["systemd-analyze", "verify", file], capture_output=True, text=True)
        assert checked.returncode == 0 and not checked.stderr, checked.stderr
    text = subprocess.run([BINARY, "serve", "--help"], capture_output=True, text=True, check=True).stdout
    names = [*environment(), *re.findall(r"^Environment=(\w+)=", example("chat-api-tls.conf"), re.M)]
    unknown = [name for name in names if f"[{name}]" not in text]
    assert not unknown, f"{unknown} are no settings"


def the_backup_units_are_valid() -> None:
    program = str(Path(BINARY).resolve())
    with tempfile.TemporaryDirectory() as folder:
        for name in ("chat-api-backup.service", "chat-api-backup.timer"):
            text = (Path("deploy") / name).read_text()
            Path(folder, name).write_text(text.replace("/usr/local/bin/chat-api", program))
        checked = subprocess.run(
            ["systemd-analyze", "verify", *Path(folder).iterdir()], capture_output=True, text=True,
        )
        assert checked.returncode == 0 and not checked.stderr, checked.stderr


def run(block_of_commands: str, **variables: str) -> None:
    variables = {**os.environ, "PATH": f"{Path(BINARY).parent.resolve()}:{os.environ['PATH']}", **variables}
    done = subprocess.run(["bash", "-euc", block_of_commands], capture_output=True, text=True, env=variables)
    assert done.returncode == 0 and "error" not in done.stderr.lower(), f"{block_of_commands}: {done.stdout}{done.stderr}"


def texts(server: Service) -> list[str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=SECONDS)
    _, _, chat = exchange(connection, "GET", "/chats/1?limit=100")
    return [message["text"] for message in chat["messages"]]


def a_sqlite_backup_of_a_running_server_is_restored() -> None:
    with tempfile.TemporaryDirectory() as name, service() as started:
        database = started.database.removeprefix("sqlite:///")
        places = {"/var/lib/chat-api/chat.db": database, "/var/lib/chat-api-backups": name}
        as_owner = {"-o chat-api ": "", "runuser -u chat-api -- ": ""}
        connection = http.client.HTTPConnection("127.0.0.1", started.port, timeout=SECONDS)
        exchange(connection, "POST", "/chats/", {"title": "Kept"})
        post(connection, "in the backup")
        run(adapted(block("bash", "chat-api backup"), {**places, **as_owner}))
        post(connection, "after the backup")
        started.stop()
        run(adapted(block("bash", "chat.db-wal"), {**places, "-o chat-api -g chat-api ": ""}))
        started.start()
        assert texts(started) == ["in the backup"], texts(started)


def a_postgresql_backup_is_restored() -> None:
    server = {"PGHOST": ADDRESS.hostname, "PGPORT": str(ADDRESS.port), "PGUSER": ADDRESS.username}
    run(block("bash", "createuser"), **server)
    url = f"postgresql://chat@{ADDRESS.hostname}:{ADDRESS.port}/chat"
    with tempfile.TemporaryDirectory() as name:
        places = {"/var/backups": name}
        with service(url) as started:
            connection = http.client.HTTPConnection("127.0.0.1", started.port, timeout=SECONDS)
            exchange(connection, "POST", "/chats/", {"title": "Kept"})
            post(connection, "in the backup")
            run(adapted(block("bash", "pg_dump"), places), DATABASE_URL=url)
        run("dropdb chat; createdb --owner=chat chat", **server)
        run(adapted(block("bash", "pg_restore"), places), DATABASE_URL=url)
        with service(url) as started:
            assert texts(started) == ["in the backup"], texts(started)


CHECKS = [
    nginx_tells_streams_to_come_back_while_the_server_restarts, caddy_lets_requests_wait_while_the_server_restarts,
    caddy_tells_streams_to_come_back_when_the_server_stays_away, a_browsers_event_source_survives_a_restart_behind_nginx,
    nginx_limits_the_streams_of_an_address, nginx_logs_no_query, the_caddyfile_is_valid_as_it_is,
    the_unit_is_valid_and_its_variables_are_settings, the_backup_units_are_valid,
    a_sqlite_backup_of_a_running_server_is_restored, a_postgresql_backup_is_restored,
]
PROXY_CHECKS = [
    requests_and_refusals_pass_through, outsiders_are_refused, each_event_arrives_at_once,
    a_web_socket_opens_for_the_sites_own_pages, a_text_is_read_while_it_is_written, the_recorded_contract_holds,
    several_servers_share_the_work, the_clients_address_is_forwarded,
]


def main() -> int:
    checks = [(check.__name__, check) for check in CHECKS]
    checks += [
        (f"{check.__name__} ({proxy.__name__})", lambda check=check, proxy=proxy: check(proxy))
        for check in PROXY_CHECKS for proxy in PROXIES
    ]
    failed = 0
    for name, check in checks:
        try:
            check()
        except Exception as error:
            failed += 1
            print(f"FAILED  {name}: {type(error).__name__}: {error}", flush=True)
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
