"""Lets the original service fill a database, adopts it, and compares what both services return.

    Scripts/with-postgres python3 -m Checks.Adoption.reference PYTHON FOLDER

FOLDER holds the FastAPI service, app.py, and PYTHON has the packages it needs. Several clients fill its database
through several workers: chats, messages in many scripts, chats that are deleted again. Then it stops, the database gets
Alembic's version stamp, and `chat-api serve --migrate` starts on it. Every chat and message must have its id, text and
timestamp, at positions 1 to n in the order of the ids, and new messages must come after them. Uses only the standard
library; ends with a line `N passed, M failed`.
"""
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import urlsplit

from Checks.Support.ports import free_port

BINARY = os.environ.get("CHAT_API", ".build/release/chat-api")
SERVER = urlsplit(os.environ["TEST_DATABASE_URL"])
DATABASE = f"adoption_{random.randrange(10**9)}"
URL = SERVER._replace(path=f"/{DATABASE}").geturl()
CHATS, CLIENTS, WORKERS, LARGEST_PAGE = 60, 12, 3, 100
TEXTS = [
    "hello", "👋🏽 family 👩‍👩‍👧‍👦 flag 🇪🇺", "é as e\u0301", "שלום עולם", "日本語のテキスト", "line\nline\r\nline\ttab",
    "'; DROP TABLE chats; --", "\\x00 \"quoted\" \\", "\u200b\u2028", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 " * 50, "x" * 5000, "😀" * 5000,
]


def sql(statement: str, url: str = URL) -> list[list[str]]:
    done = subprocess.run(["psql", "-XAtq", "-F", "\t", url, "-c", statement], capture_output=True, text=True, check=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


def request(port: int, method: str, path: str, body: dict | None = None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Content-Type": "application/json"} if body else {}
    connection.request(method, path, body=json.dumps(body) if body else None, headers=headers)
    answer = connection.getresponse()
    result = answer.status, json.loads(answer.read() or b"null")
    connection.close()
    return result


@contextmanager
def reference(python: str, folder: str):
    """The original service's port, while it runs."""
    environment = {
        **os.environ, "PYTHONDONTWRITEBYTECODE": "1",
        "DATABASE_URL": URL.replace("postgresql://", "postgresql+psycopg2://"),
    }
    make_tables = "import app; app.Base.metadata.create_all(app.engine)"
    subprocess.run([python, "-c", make_tables], cwd=folder, env=environment, check=True)
    port = free_port()
    process = subprocess.Popen(
        [python, "-m", "uvicorn", "app:app", "--host", "127.0.0.1", "--port", str(port), "--workers", str(WORKERS),
         "--log-level", "warning"],
        cwd=folder, env=environment,
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                request(port, "GET", "/hello")
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


@contextmanager
def service():
    """The port of chat-api, while it runs on the same database."""
    process = subprocess.Popen(
        [BINARY, "serve", "--port=0", "--migrate", f"--database-url={URL}", "--log-level=notice"],
        stderr=subprocess.PIPE, text=True,
    )
    log = ""
    for line in process.stderr:
        log += line
        if " listens on " in line:
            break
    else:
        raise RuntimeError(f"chat-api did not start: {log}")
    try:
        yield urlsplit(line.split()[-1]).port
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def fill(port: int) -> None:
    """Posts chats and messages concurrently, and deletes every sixth chat again."""
    def expect(wanted: int, status: int, body) -> dict:
        if status != wanted:
            raise RuntimeError(f"the reference answered {status}: {body}")
        return body

    def chat(number: int) -> int:
        return expect(201, *request(port, "POST", "/chats/", {"title": f"{number} {TEXTS[number % 5]}"}))["id"]

    def post(number: int) -> None:
        # One chat gets many messages, so that several workers write to it concurrently; the last chat gets none.
        chat = chats[1] if number % 5 == 0 else random.choice(chats[:-1])
        text = f"{number} {TEXTS[number % len(TEXTS)]}"[:5000]
        expect(201, *request(port, "POST", f"/chats/{chat}/messages/", {"text": text}))

    with ThreadPoolExecutor(CLIENTS) as clients:
        chats = sorted(clients.map(chat, range(CHATS)))
        list(clients.map(post, range(1500)))
        list(clients.map(lambda chat: expect(204, *request(port, "DELETE", f"/chats/{chat}")), chats[::6]))


def read(port: int) -> dict[int, dict]:
    """Every chat with its latest messages, by id."""
    newest = int(sql("SELECT last_value FROM chats_id_seq")[0][0])
    answers = {id: request(port, "GET", f"/chats/{id}?limit={LARGEST_PAGE}") for id in range(1, newest + 1)}
    if unexpected := {status for status, _ in answers.values()} - {200, 404}:
        raise RuntimeError(f"reading was answered with {unexpected}")
    return {id: body for id, (status, body) in answers.items() if status == 200}


def moment(instant: str) -> int:
    """Microseconds since 1970, as stored in a database."""
    epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
    return (datetime.fromisoformat(instant.replace("Z", "+00:00")) - epoch) // timedelta(microseconds=1)


def logs(position: str) -> dict[int, list[tuple[int, int, int, str]]]:
    """The stored messages of each chat, ordered by id: id, position, timestamp, and hash of the text."""
    rows = sql(f"""SELECT chat_id, id, {position}, (extract(epoch FROM created_at) * 1000000)::bigint, md5(text)
        FROM messages ORDER BY id""")
    found: dict[int, list[tuple[int, int, int, str]]] = {}
    for chat, id, seq, at, text in rows:
        found.setdefault(int(chat), []).append((int(id), int(seq), int(at), text))
    return found


def adopted(original: dict[int, list[tuple[int, int, int, str]]]) -> tuple[dict, int]:
    """The messages as they must be adopted, and how many get a different timestamp.

    The original service takes the timestamp when a transaction starts, and the id within it. A log's timestamps do not
    run backward: a message with an earlier timestamp gets that of the message before it.
    """
    result, changed = {}, 0
    for chat, log in original.items():
        latest, result[chat] = 0, []
        for id, position, at, text in log:
            changed += at < latest
            latest = max(latest, at)
            result[chat].append((id, position, latest, text))
    return result, changed


def main() -> int:
    os.chdir(Path(__file__).resolve().parent.parent.parent)
    python, folder = sys.argv[1:]
    sql(f"CREATE DATABASE {DATABASE}", SERVER.geturl())
    with reference(python, folder) as port:
        fill(port)
        before = read(port)
    expected, changed = adopted(logs("row_number() OVER (PARTITION BY chat_id ORDER BY id)"))
    count = sum(map(len, expected.values()))
    sql("CREATE TABLE alembic_version (version_num varchar(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY "
        "(version_num)); INSERT INTO alembic_version VALUES ('3f1d0c5be2a7')")

    results: dict[str, bool] = {}
    with service() as port:
        after = read(port)
        stored = logs("seq")
        results["the database held much, of all kinds"] = (
            len(before) == CHATS - len(range(0, CHATS, 6)) and count > 1000
            and max(map(len, expected.values())) > LARGEST_PAGE and set(expected) < set(before)
        )
        results["the same chats are there, with their titles and moments"] = (
            {id: (chat["title"], moment(chat["created_at"])) for id, chat in after.items()}
            == {id: (chat["title"], moment(chat["created_at"])) for id, chat in before.items()}
        )
        results["every message has its id, text and moment and, in the order of the ids, its position"] = stored == expected
        results["the answers have the same messages in the same order"] = all(
            [(message["id"], message["text"]) for message in after[id]["messages"]]
            == [(message["id"], message["text"]) for message in chat["messages"]]
            for id, chat in before.items()
        )
        results["the answers have those moments and positions"] = all(
            [(message["id"], message["seq"], moment(message["created_at"])) for message in chat["messages"]]
            == [row[:3] for row in expected.get(id, [])[-LARGEST_PAGE:]]
            for id, chat in after.items()
        )
        newest = max(row[0] for log in expected.values() for row in log)
        posts = {id: request(port, "POST", f"/chats/{id}/messages/", {"text": "after"}) for id in after}
        results["what is posted then follows in each chat, with new ids"] = all(
            status == 201 and message["id"] > newest and message["seq"] == len(expected.get(id, [])) + 1
            for id, (status, message) in posts.items()
        )
        status, chat = request(port, "POST", "/chats/", {"title": "after"})
        results["a new chat has an id that no chat ever had"] = status == 201 and chat["id"] == CHATS + 1
    results["Alembic's table is left as it was"] = sql("SELECT * FROM alembic_version") == [["3f1d0c5be2a7"]]
    sql(f"DROP DATABASE {DATABASE}", SERVER.geturl())

    failed = [name for name, is_right in results.items() if not is_right]
    for name in failed:
        print(f"WRONG    {name}")
    print(f"adopted {len(after)} chats with {count} messages, {changed} of whose moments ran backwards")
    print(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
