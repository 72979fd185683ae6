"""The server under test, which is replaced after each kill."""
import http.client
import threading

from Checks.Support.server import chat_api


class Service:
    def __init__(self, database) -> None:
        self.database = database
        self.running = threading.Event()
        self.failures = []
        self.start()

    def start(self) -> None:
        # A different port each time: a client that connects to a closed port could be given that very port as its own.
        self.server = chat_api(self.database.url, *self.database.options)
        self.running.set()

    def kill(self) -> None:
        self.running.clear()
        self.server.kill()
        self.failures += self.server.failures
        self.start()

    def stop(self) -> int:
        """Terminates the server and returns its exit status."""
        status = self.server.stop()
        self.failures += self.server.failures
        return status

    def connect(self) -> http.client.HTTPConnection:
        """A connection to the running server, or to the next one."""
        self.running.wait()
        return http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=10)
