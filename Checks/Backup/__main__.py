"""Backs up a server's database under load, and compares each copy with what the server had acknowledged.

    python3 -m Checks.Backup [--seed N]

Writers post continuously. Each backup holds every message that was acknowledged before it started, unchanged, nothing
that nobody sent, and no gap in a chat; a second server serves it. A backup that is killed with SIGKILL leaves no file
under its name, unless it is complete. Uses only the standard library; ends with a line `N passed, M failed`.
"""
import argparse
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from Checks.Backup.copies import Copy, flaws
from Checks.Backup.writers import Journal, writing
from Checks.Support.server import BINARY, chat_api
from Checks.Support.tally import Tally

BACKUPS, KEPT, KILLS = 4, 3, 8
# Makes a backup take long enough to be killed at any stage.
FILLER = 60


def backup(database: Path, file: Path, *options: str) -> subprocess.Popen:
    return subprocess.Popen(
        [BINARY, "backup", str(file), f"--database-url=sqlite:///{database}", *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )


def check_backups_under_load(database: Path, folder: Path) -> Iterator[tuple[str, object]]:
    server = chat_api(f"sqlite:///{database}")
    journal = Journal()
    seen: set[Path] = set()
    with writing(server.port, journal):
        while len(journal.acknowledged()) < 1_000:
            time.sleep(0.01)
        for number in range(1, BACKUPS + 1):
            before = journal.acknowledged()
            started = time.monotonic()
            output, errors = (process := backup(database, folder / "chat.db", f"--keep={KEPT}")).communicate()
            yield f"backup {number} succeeds", (process.returncode, errors) if process.returncode else []
            during = len(journal.acknowledged()) - len(before)
            yield f"the server writes during backup {number}", [] if during else "nothing was acknowledged meanwhile"
            files = set(folder.iterdir())
            yield f"after backup {number}, the newest are kept", [] if len(files) == min(number, KEPT) else files
            new, = files - seen
            seen = files
            yield f"backup {number} is the newest file", [] if new == max(files) and str(new) in output else output
            yield f"backup {number} holds what was acknowledged", flaws(Copy(new), before, journal.sent())
            # Names tell backups apart by the second.
            time.sleep(max(0.0, started + 1.05 - time.monotonic()))
    yield "every request was acknowledged", journal.problems[:5]
    yield "the server stops with status 0", server.stop()
    yield "the server logged no failure", server.failures[:5]


def check_killed_backups(database: Path, folder: Path, moments: random.Random) -> Iterator[tuple[str, object]]:
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE filler (content BLOB)")
        connection.executemany("INSERT INTO filler VALUES (randomblob(1000000))", [()] * FILLER)
    connection.close()
    start = time.monotonic()
    whole = folder / "whole.db"
    backup(database, whole).communicate()
    duration = time.monotonic() - start
    expected = messages(whole)
    killed = 0
    for number in range(1, KILLS + 1):
        file = folder / f"killed-{number}.db"
        process = backup(database, file)
        time.sleep(moments.uniform(0, duration))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
        yield f"killed backup {number} is complete or not there", (
            [] if not file.exists() or messages(file) == expected else "it is incomplete"
        )
    yield "some backups were killed", [] if killed else "none"
    repeated = backup(database, folder / "killed-1.db", "--force")
    _, errors = repeated.communicate()
    yield "a backup replaces what a killed one left", (
        errors if repeated.returncode else messages(folder / "killed-1.db") != expected
    )
    left = [name for name in os.listdir(folder) if name.startswith("killed-1.db") and name != "killed-1.db"]
    yield "nothing else is left of it", left


def messages(file: Path) -> list[tuple]:
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    rows = connection.execute("SELECT * FROM messages ORDER BY chat_id, seq").fetchall()
    connection.close()
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(prog="Checks.Backup", description="Audits backups of a busy database.")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="of the moments (default: random)")
    seed = parser.parse_args().seed
    print(f"seed {seed}", flush=True)
    tally = Tally()
    with tempfile.TemporaryDirectory() as name:
        database, series, killed = Path(name) / "chat.db", Path(name) / "series", Path(name) / "killed"
        series.mkdir()
        killed.mkdir()
        for checks in (
            check_backups_under_load(database, series), check_killed_backups(database, killed, random.Random(seed)),
        ):
            tally.add_all(checks)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
