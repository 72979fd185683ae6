"""Databases filled with messages by SQL.

Messages are inserted in order of time, one chat after the other in turn, as concurrent conversations would write them. So
a chat's messages are scattered wherever the database keeps rows in order of arrival.
"""
import sqlite3
import subprocess
from pathlib import Path

from Checks.Support import cluster
from Checks.Support.server import BINARY

# With a number in front, about 100 bytes, like a typical message.
TEXT = "I have looked at it again: the second step fails for me too, shall we talk at four?"
EPOCH = 1_767_225_600  # 2026-01-01


def migrate(url: str) -> None:
    subprocess.run([BINARY, "migrate", "upgrade", "--database-url", url], check=True, stdout=subprocess.DEVNULL)


def sqlite(path: str, messages: int, chats: int) -> str:
    """Returns the database's URL."""
    url = f"sqlite:///{path}"
    Path(path).touch()
    migrate(url)
    database = sqlite3.connect(path, isolation_level=None)
    database.executescript(f"""
        PRAGMA journal_mode = OFF;
        PRAGMA synchronous = OFF;
        PRAGMA cache_size = -4000000;
        BEGIN;
        WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {chats})
        INSERT INTO chats (id, title, created_at, last_seq, last_entry_at, last_message_at, message_count)
        SELECT
            n, 'Chat ' || n, {EPOCH}000000, {messages // chats}, {EPOCH}000000 + {messages} * 1000,
            {EPOCH}000000 + {messages} * 1000, {messages // chats}
        FROM numbers;
        WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {messages} - 1)
        INSERT INTO messages (chat_id, seq, id, text, created_at)
        SELECT n % {chats} + 1, n / {chats} + 1, n + 1, 'Message ' || n || '. {TEXT}', {EPOCH}000000 + n * 1000
        FROM numbers;
        UPDATE counters SET value = {messages} WHERE name = 'message_id';
        COMMIT;
        ANALYZE;
        PRAGMA journal_mode = WAL;
        """)
    database.close()
    return url


def postgresql(messages: int, chats: int) -> str:
    """Returns the database's name."""
    database = cluster.create_database("bench")
    migrate(cluster.url(database))
    # The replica role skips triggers and foreign keys. Building an index of ten million entries afterwards is faster than
    # adding them one by one.
    cluster.sql(
        f"""
        SET session_replication_role = replica;
        SET maintenance_work_mem = '1GB';
        ALTER TABLE messages DROP CONSTRAINT messages_pkey;
        DROP INDEX messages_id;
        INSERT INTO chats (id, title, created_at, last_seq, last_entry_at, last_message_at, message_count)
        SELECT
            n, 'Chat ' || n, to_timestamp({EPOCH}), {messages // chats},
            to_timestamp({EPOCH}) + {messages} * interval '1 millisecond',
            to_timestamp({EPOCH}) + {messages} * interval '1 millisecond', {messages // chats}
        FROM generate_series(1, {chats}) AS n;
        SELECT setval(pg_get_serial_sequence('chats', 'id'), {chats});
        INSERT INTO messages (chat_id, seq, text, created_at)
        SELECT
            n % {chats} + 1, n / {chats} + 1, 'Message ' || n || '. {TEXT}',
            to_timestamp({EPOCH}) + n * interval '1 millisecond'
        FROM generate_series(0, {messages} - 1) AS n;
        ALTER TABLE messages ADD PRIMARY KEY (chat_id, seq);
        CREATE UNIQUE INDEX messages_id ON messages (id, chat_id);
        VACUUM ANALYZE;
        CHECKPOINT;
        """,
        database,
    )
    return database


# Chats of which `poster` is a member, with one other member and with 999.
PAIR, CROWD = 1, 2


def members() -> str:
    """SQL for members: `many` of all chats, `some` of 100; in each chat, they have not read the last 8 messages.

    `reader` is a member of the same 100 chats and has read everything, even the next message.
    """
    return f"""
        UPDATE chats SET activity = 1;
        INSERT INTO members (chat_id, user_id, role, joined_seq, read_seq, activity)
        SELECT id, 'many', 'member', 1, last_seq - 8, 1 FROM chats WHERE id <> {CROWD};
        INSERT INTO members (chat_id, user_id, role, joined_seq, read_seq, activity)
        SELECT id, 'some', 'member', 1, last_seq - 8, 1 FROM chats WHERE id <= 101 AND id NOT IN ({PAIR}, {CROWD});
        INSERT INTO members (chat_id, user_id, role, joined_seq, read_seq, activity)
        SELECT chat_id, 'reader', role, joined_seq, read_seq + 9, 1 FROM members WHERE user_id = 'some';
        INSERT INTO members (chat_id, user_id, role, joined_seq, read_seq, activity)
        SELECT id, 'poster', 'member', 1, last_seq, 1 FROM chats WHERE id IN ({PAIR}, {CROWD});
        WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 998)
        INSERT INTO members (chat_id, user_id, role, joined_seq, read_seq, activity)
        SELECT id, 'member' || n, 'member', 1, last_seq, 1 FROM chats, numbers WHERE id = {CROWD};
        INSERT INTO members (chat_id, user_id, role, joined_seq, read_seq, activity)
        VALUES ({CROWD}, 'many', 'member', 1, 1, 1);
        """


def sqlite_members(path: str) -> None:
    database = sqlite3.connect(path, isolation_level=None)
    database.executescript(f"BEGIN; {members()} UPDATE counters SET value = 1 WHERE name = 'activity'; COMMIT; ANALYZE;")
    database.close()


def postgresql_members(database: str) -> None:
    cluster.sql(f"{members()} VACUUM ANALYZE; CHECKPOINT;", database)


def reference(database: str, messages: int, chats: int) -> None:
    """Fills the tables of the FastAPI service."""
    cluster.sql(
        f"""
        INSERT INTO chats (title) SELECT 'Chat ' || n FROM generate_series(1, {chats}) AS n ORDER BY n;
        INSERT INTO messages (chat_id, text)
        SELECT n % {chats} + 1, 'Message ' || n || '. {TEXT}' FROM generate_series(0, {messages} - 1) AS n;
        VACUUM ANALYZE;
        """,
        database,
    )
