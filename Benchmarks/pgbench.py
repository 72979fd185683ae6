"""Measures PostgreSQL alone inserting single rows: pgbench on the service's table and on a bare one."""
import re
import subprocess
import tempfile
from collections.abc import Iterator

from Benchmarks import processes
from Benchmarks.fill import TEXT
from Benchmarks.load import CONNECTIONS
from Benchmarks.rounds import Case, Sample
from Checks.Support import cluster

SCRIPT = r"""\set chat random(1, {chats})
INSERT INTO {table} (chat_id, seq, text, created_at)
VALUES (:chat, nextval('positions'), 'Message 1000000. {text}', now());
"""


# Without any index or constraint but the primary key.
BARE = """CREATE TABLE bare_messages (
    chat_id bigint, seq bigint, text text NOT NULL, created_at timestamptz NOT NULL, PRIMARY KEY (chat_id, seq)
)"""


def pgbench_cases(scenario: str, database: str, chats: int) -> Iterator[Case]:
    """One row per transaction, without assigning positions, from as many clients as the server gets."""
    # Start after every position that is in use.
    cluster.sql("CREATE SEQUENCE positions START 1000000000", database)
    cluster.sql(BARE, database)
    for name, table in ("pgbench", "messages"), ("pgbench, bare table", "bare_messages"):
        yield pgbench_case(name, scenario, database, SCRIPT.format(table=table, chats=chats, text=TEXT))


def pgbench_case(name: str, scenario: str, database: str, commands: str) -> Case:
    def run(seconds: int) -> Sample:
        postmaster = cluster.postmaster()
        before = processes.cpu_seconds(postmaster)
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
            script.write(commands)
            script.flush()
            done = subprocess.run(
                ["pgbench", "-n", "-M", "prepared", "-c", str(CONNECTIONS), "-j", "2", "-T", str(seconds),
                 "-f", script.name, cluster.url(database)],
                capture_output=True, text=True,
            )
        rate = re.search(r"^tps = ([\d.]+)", done.stdout, re.M)
        count = re.search(r"transactions actually processed: (\d+)", done.stdout)
        if done.returncode or not (rate and count):
            raise RuntimeError(f"pgbench: {done.stdout}{done.stderr}")
        return Sample(
            rate=float(rate[1]),
            database_cpu=(processes.cpu_seconds(postmaster) - before) * 1e6 / int(count[1]),
        )
    return Case(name, scenario, run)
