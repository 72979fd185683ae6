"""Tests the server side of WebSocket against RFC 6455 and against widely used clients.

    PYTHON -m Checks.WebSocket

Talks to `EchoServer`, which is built on the same parts as the service, from .build/debug (or ECHO_SERVER), and to the
service itself, from .build/release (or CHAT_API). PYTHON has the packages of requirements.txt. Ends with a line
`N passed, M failed`.
"""
import asyncio
import inspect
import os
import sys

from Checks.Support.server import Server
from Checks.WebSocket import chat, clients, conformance

BINARY = os.environ.get("ECHO_SERVER", ".build/debug/EchoServer")


def checks(port: int):
    for case in conformance.CASES:
        yield case.name, lambda: conformance.run(case, port)
    for check in clients.ON_ONE_SERVER:
        run = (lambda: asyncio.run(check(port))) if inspect.iscoroutinefunction(check) else (lambda: check(port))
        yield check.__name__, run
    for check in clients.ON_SERVERS_OF_THEIR_OWN:
        yield check.__name__, lambda: check(BINARY)
    for check in chat.CHECKS:
        yield check.__name__, check


def main() -> int:
    server = Server(BINARY)
    passed = failed = 0
    for name, check in checks(server.port):
        try:
            check()
            passed += 1
        except Exception as error:
            failed += 1
            print(f"FAILED  {name}: {type(error).__name__}: {error}", flush=True)
    if status := server.stop():
        failed += 1
        print(f"FAILED  the server ended with status {status}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
