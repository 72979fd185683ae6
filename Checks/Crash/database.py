"""The databases under test: how to crash them, and how to inspect them without the server."""
import sqlite3
import tempfile

from Checks.Crash.service import Service
from Checks.Support import cluster


class SQLite:
    name = "SQLite"
    options = ()
    instant = """strftime('%Y-%m-%dT%H:%M:%S', created_at / 1000000, 'unixepoch')
        || printf('.%06dZ', created_at % 1000000)"""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = f"{self.folder.name}/chat.db"
        self.url = f"sqlite:///{self.path}"
        self.troubles = [Service.kill]

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        self.folder.cleanup()

    def sql(self, statement: str) -> list[list[str]]:
        connection = sqlite3.connect(self.path)
        rows = [[str(value) for value in row] for row in connection.execute(statement)]
        connection.close()
        return rows

    def damage(self) -> list[list[str]]:
        return [row for row in self.sql("PRAGMA integrity_check") if row != ["ok"]]


class PostgreSQL:
    name = "PostgreSQL"
    options = ("--migrate",)
    instant = """to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""

    def __init__(self) -> None:
        self.database = cluster.create_database("crash")
        self.url = cluster.url(self.database)
        self.troubles = [Service.kill, lambda _: cluster.restart("immediate")]

    def __enter__(self):
        return self

    def __exit__(self, *_) -> None:
        cluster.sql(f"DROP DATABASE {self.database} WITH (FORCE)")

    def sql(self, statement: str) -> list[list[str]]:
        return cluster.sql(statement, self.database)

    def damage(self) -> list[str]:
        """Checks every index against its table."""
        try:
            self.sql("""
                CREATE EXTENSION amcheck;
                SELECT bt_index_check(indexrelid, true)
                FROM pg_index WHERE indrelid IN ('chats'::regclass, 'messages'::regclass);
                """)
        except RuntimeError as error:
            return [str(error)]
        return []
