"""nginx and Caddy in front of a server, configured as in deploy/."""
import contextlib
import http.client
import os
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from Checks.Deploy.page import adapted, example
from Checks.Support.ports import free_port
from Checks.WebSocket.wire import Connection

HOST = "chat.example"
CLIENT, OUTSIDER = "127.0.0.1", "127.0.0.2"
SECONDS = 20

NGINX = """
daemon off;
pid {folder}/nginx.pid;
{user}
worker_processes 1;
events {{ worker_connections 1000; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {example}
}}
"""


class Proxy:
    """How clients reach a running proxy: over TLS, under the example's host name."""

    def __init__(self, port: int, certificate: Path) -> None:
        self.port = port
        self.tls = ssl.create_default_context(cafile=str(certificate))

    def connect(self, source: str = CLIENT) -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", self.port), SECONDS, source_address=(source, 0))
        return self.tls.wrap_socket(plain, server_hostname=HOST)

    def connection(self, source: str = CLIENT) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(HOST, timeout=SECONDS)
        connection.sock = self.connect(source)
        return connection

    def get(self, path: str, headers: dict[str, str] | None = None, source: str = CLIENT) -> http.client.HTTPResponse:
        """A response with an unread body, on its own connection."""
        connection = self.connection(source)
        connection.request("GET", path, headers=headers or {})
        return connection.getresponse()

    def open_web_socket(self, origin: str) -> "WebSocket":
        return WebSocket(self.connect(), origin)


class WebSocket(Connection):
    """A WebSocket through the proxy; `status` is the response's first line."""

    def __init__(self, connected: socket.socket, origin: str) -> None:
        self.socket = connected
        self.send(
            f"GET /ws HTTP/1.1\r\nHost: {HOST}\r\nOrigin: {origin}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self.stream = self.socket.makefile("rb")
        self.status = self.stream.readline().decode()
        while self.stream.readline() != b"\r\n":
            pass


def make_certificate(folder: Path) -> tuple[Path, Path]:
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )
    return certificate, key


def program(package: str) -> Path:
    folder = subprocess.run(["Scripts/unpack", package], capture_output=True, text=True, check=True).stdout.strip()
    found, = (path for path in Path(folder).glob(f"usr/*bin/{package}"))
    return found


@contextlib.contextmanager
def running(command: list, port: int, certificate: Path, folder: Path) -> Iterator[Proxy]:
    log = folder / "log"
    with log.open("w") as output:
        environment = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
    try:
        proxy = Proxy(port, certificate)
        while True:
            try:
                proxy.connect().close()
                break
            except OSError:
                assert process.poll() is None, f"{command[0]} did not start: {log.read_text()}"
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.05)
        yield proxy
    finally:
        # On SIGTERM, Caddy would wait for its clients.
        process.kill()
        process.wait()


@contextlib.contextmanager
def nginx(server_port: int, replacements: dict[str, str] | None = None) -> Iterator[Proxy]:
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        certificate, key = make_certificate(folder)
        configured = adapted(example("nginx.conf"), {
            "127.0.0.1:8000": f"127.0.0.1:{server_port}",
            "listen 443 ": f"listen 127.0.0.1:{port} ",
            "/etc/ssl/chat.example/fullchain.pem": str(certificate),
            "/etc/ssl/chat.example/privkey.pem": str(key),
            "/var/log/nginx/chat-api.log": str(folder / "access.log"),
            "192.0.2.0/24": CLIENT,
            **(replacements or {}),
        })
        configuration = folder / "nginx.conf"
        user = "user root;" if os.geteuid() == 0 else ""
        configuration.write_text(NGINX.format(folder=folder, user=user, example=configured))
        with running([program("nginx"), "-e", "stderr", "-p", folder, "-c", configuration], port, certificate, folder) as proxy:
            yield proxy


@contextlib.contextmanager
def caddy(server_port: int, replacements: dict[str, str] | None = None) -> Iterator[Proxy]:
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        certificate, key = make_certificate(folder)
        # Caddy would request a certificate from an authority, and listen on port 80 to redirect to HTTPS.
        configured = adapted(example("Caddyfile"), {
            "127.0.0.1:8000": f"127.0.0.1:{server_port}",
            "chat.example {\n": f"https://{HOST}:{port} {{\n\tbind 127.0.0.1\n\ttls {certificate} {key}\n",
            "192.0.2.0/24": CLIENT,
            **(replacements or {}),
        })
        configuration = folder / "Caddyfile"
        configuration.write_text("{\n\tadmin off\n\tauto_https disable_redirects\n}\n" + configured)
        command = [program("caddy"), "run", "--adapter", "caddyfile", "--config", configuration]
        with running(command, port, certificate, folder) as proxy:
            yield proxy


PROXIES: list[Callable] = [nginx, caddy]
