"""Compares the writers' journal with the database."""
import collections
import random
from collections.abc import Iterator

from Checks.Crash.service import Service
from Checks.Crash.writer import Journal, Post
from Checks.Support.server import exchange

REPEATED = 500


def audit(service: Service, journal: Journal) -> Iterator[tuple[str, object]]:
    """Stops the server, and yields each check with the problems it found; none if it passes."""
    acknowledged = [post for post in journal.posts if post.answer]
    messages = [post for post in acknowledged if "text" in post.body]
    yield "messages and chats were acknowledged", [] if 0 < len(messages) < len(acknowledged) else "no"
    yield "the kills met requests", [] if journal.faults else "no"
    yield "every answer is one that was expected", journal.problems[:5]
    keyed = [post for post in acknowledged if post.has_key]
    yield "a key is answered as before", repeat(service, random.sample(keyed, min(REPEATED, len(keyed))))
    yield "the server stops with status 0", service.stop()
    yield "no failure of the server's own is in its log", service.failures[:5]

    database = service.database
    rows = database.sql(f"SELECT id, chat_id, seq, {database.instant}, text FROM messages ORDER BY chat_id, seq")
    stored = {row[0]: row for row in rows}
    yield "what was acknowledged is there unchanged", [
        post.name for post in messages if stored.get(str(post.answer["id"])) != row_of(post.answer)
    ][:5]
    titles = [row[0] for row in database.sql("SELECT title FROM chats WHERE title <> 'crash'")]
    texts = [row[4] for row in rows]
    counts = collections.Counter(texts + titles)
    yield "nothing stands twice", [value for value, count in counts.items() if count > 1][:5]
    refused = {value for post in journal.posts if post.refused for value in post.body.values()}
    yield "what was refused is not there", sorted(refused & counts.keys())[:5]
    sent = {value for post in journal.posts for value in post.body.values()}
    yield "nothing is there that nobody sent", sorted({*texts, *titles} - sent)[:5]
    created = {post.body["title"] for post in acknowledged if "title" in post.body}
    yield "every acknowledged chat is there", sorted(created - {*titles})[:5]
    yield "positions are 1 to n", database.sql(
        """SELECT chats.id FROM chats LEFT JOIN messages ON messages.chat_id = chats.id GROUP BY chats.id
        HAVING count(seq) <> last_seq OR coalesce(max(seq), 0) <> last_seq OR coalesce(min(seq), 1) <> 1"""
    )[:5]
    yield "instants do not run backwards", [
        later[:3] for earlier, later in zip(rows, rows[1:]) if earlier[1] == later[1] and earlier[3] > later[3]
    ][:5]
    yield "the database is sound", database.damage()[:5]


def row_of(message: dict) -> list[str]:
    return [str(message[name]) for name in ("id", "chat_id", "seq", "created_at", "text")]


def repeat(service: Service, posts: list[Post]) -> list[str]:
    """The posts that now get a different response."""
    connection = service.connect()
    different = []
    for post in posts:
        status, headers, answer = exchange(connection, "POST", post.path, post.body, post.headers)
        if (status, headers["Idempotent-Replayed"], answer) != (200, "true", post.answer):
            different.append(f"{post.name}: {status} {answer}")
    connection.close()
    return different[:5]
