"""Runs the backends of docs/authentication.md as they stand there, and posts with the tokens that they sign.

    PYTHON -m Checks.Tokens

The server is .build/release/chat-api (or CHAT_API). PYTHON has the packages of requirements.txt. The Swift backend is
built as SwiftBackend, from a file that must equal the document's. Ends with a line `N passed, M failed`.
"""
import http.client
import os
import re
import secrets
import subprocess
import sys
from pathlib import Path

from Checks.Support.server import Server, BINARY, exchange

SECONDS = 20
PAGE = Path("docs/authentication.md").read_text()
SWIFT = Path("Checks/Tokens/SwiftBackend/main.swift")
COMMANDS = {
    "js": ["node", "-"], "python": [sys.executable, "-"], "swift": [".build/debug/SwiftBackend"],
}


def program(language: str) -> str:
    found, = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.M | re.S)
    return found


def token(language: str, secret: str) -> str:
    """The token that the program prints."""
    signed = subprocess.run(
        COMMANDS[language], input=program(language), capture_output=True, text=True, timeout=SECONDS,
        env={**os.environ, "CHAT_JWT_SECRET": secret},
    )
    assert signed.returncode == 0, signed.stderr
    return signed.stdout.strip()


def check(language: str, connection: http.client.HTTPConnection, secret: str) -> None:
    if language == "swift":
        assert program(language) == SWIFT.read_text(), f"{SWIFT} differs from the document"
    lines = sum(1 for line in program(language).splitlines() if line)
    assert lines <= 20, f"{lines} lines"
    text = f"Hello from {language}"
    headers = {"Authorization": f"Bearer {token(language, secret)}"}
    status, _, message = exchange(connection, "POST", "/chats/1/messages/", {"text": text}, headers)
    assert (status, message["text"], message["author"]) == (201, text, "ada"), message
    forged = {"Authorization": f"Bearer {token(language, secrets.token_hex(32))}"}
    status, _, answer = exchange(connection, "POST", "/chats/1/messages/", {"text": text}, forged)
    assert (status, answer["code"]) == (401, "token_invalid"), answer


def main() -> int:
    secret, key = secrets.token_hex(32), f"sk_check_{secrets.token_hex(32)}"
    subprocess.run(["swift", "build", "--product", "SwiftBackend"], check=True, stdout=subprocess.DEVNULL)
    server = Server(
        BINARY, "serve", "--port=0", "--database-url=sqlite::memory:",
        environment={"CHAT_JWT_SECRET": secret, "CHAT_SERVER_KEY": key},
    )
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=SECONDS)
    exchange(connection, "POST", "/chats/", {"title": "Backends"}, {"Authorization": f"Bearer {key}"})
    failed = 0
    for language in COMMANDS:
        try:
            check(language, connection, secret)
        except Exception as error:
            failed += 1
            print(f"FAILED  {language}: {type(error).__name__}: {error}", flush=True)
    connection.close()
    status = server.stop()
    assert status == 0, f"the server ended with status {status}: {''.join(server.last_lines)}"
    print(f"{len(COMMANDS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
