"""The PostgreSQL cluster that Scripts/with-postgres runs."""
import os
import random
import shlex
import subprocess
from urllib.parse import urlsplit

ADDRESS = urlsplit(os.environ["TEST_DATABASE_URL"])


def url(database: str, port: int | None = None, scheme: str = "postgresql") -> str:
    return f"{scheme}://{ADDRESS.username}@{ADDRESS.hostname}:{port or ADDRESS.port}/{database}"


def sql(statement: str, database: str = "postgres") -> list[list[str]]:
    done = subprocess.run(
        ["psql", "-XAtq", "-F", "\t", "-v", "ON_ERROR_STOP=1", url(database)],
        input=statement, capture_output=True, text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{statement}: {done.stderr}")
    return [line.split("\t") for line in done.stdout.splitlines()]


def create_database(kind: str) -> str:
    name = f"{kind}_{random.randrange(10**9)}"
    sql(f"CREATE DATABASE {name}")
    return name


def restart(mode: str) -> None:
    """Restarts the cluster in one of pg_ctl's modes, and returns when it accepts connections again."""
    subprocess.run([*shlex.split(os.environ["TEST_POSTGRES_RESTART"]), mode], check=True)


def postmaster() -> int:
    """The process id of the cluster's root process, which runs on this machine."""
    return int(sql("SELECT pg_read_file('postmaster.pid')")[0][0])
