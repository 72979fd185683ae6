"""PostgreSQL servers that the checks start and stop, and what these checks share."""
import contextlib
import http.client
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from Checks.Support.ports import free_port
from Checks.Support.server import Server, exchange
from Checks.Support.tally import Tally

BIN = Path(os.environ.get("TEST_POSTGRES_BIN") or max(
    Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name)))
OWNER = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
DEADLINE = 60


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd="/").stdout


class Instance:
    """A PostgreSQL server on this machine."""

    def __init__(self, data: Path, port: int, options: str = "") -> None:
        self.data, self.port, self.options, self.log = data, port, options, f"{data}.log"

    def start(self) -> None:
        """Returns when the server accepts connections."""
        run(*OWNER, str(BIN / "pg_ctl"), "-D", str(self.data), "-l", self.log, "-s", "-w", "start", "-o", self.options)

    def sql(self, statement: str, database: str = "postgres") -> str:
        return run(str(BIN / "psql"), "-XqAt", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-d", database,
                   "-c", statement).strip()

    def set(self, **settings: str) -> None:
        for name, value in settings.items():
            self.sql(f"ALTER SYSTEM SET {name} = '{value}'")
        self.sql("SELECT pg_reload_conf()")

    def stop(self, mode: str = "immediate") -> None:
        """Stops the server in one of pg_ctl's modes; harmless if it does not run."""
        subprocess.run([*OWNER, str(BIN / "pg_ctl"), "-D", str(self.data), "-m", mode, "-s", "-w", "stop"], cwd="/",
                       capture_output=True)

    def kill(self) -> None:
        """Kills all processes at once, as the end of the machine would."""
        postmaster, *_, shared_memory, _ = (self.data / "postmaster.pid").read_text().split()
        # Stopped, it starts no process that would outlive it.
        os.kill(int(postmaster), signal.SIGSTOP)
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        for process in (postmaster, *children):
            # A session may have ended on its own.
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(process), signal.SIGKILL)
        run("ipcrm", "--shmem-id", shared_memory)
        # The server does not start again while a process of the old one lives.
        segments = Path("/proc/sysvipc/shm")
        while shared_memory in (line.split()[1] for line in segments.read_text().splitlines()):
            time.sleep(0.02)
        # Nor while one has the old one's id, as the dead process does until its parent has noticed.
        for lock in (self.data / "postmaster.pid", self.data.parent / f".s.PGSQL.{self.port}.lock"):
            lock.unlink(missing_ok=True)


class Cluster(Instance):
    """A server with a data folder of its own: a primary, or the standby of another."""

    def __init__(self, folder: Path, source: "Cluster | None" = None) -> None:
        port = free_port()
        super().__init__(
            folder / f"data{free_port()}", port,
            # A killed server leaves its shared memory behind: in files, it goes with the folder.
            f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c dynamic_shared_memory_type=mmap "
            # A promotion may wait for this long, by default 5 s.
            "-c wal_retrieve_retry_interval=500ms",
        )
        if source:
            run(*OWNER, str(BIN / "pg_basebackup"), "-h", "127.0.0.1", "-p", str(source.port), "-U", "postgres", "-R",
                "-c", "fast", "--no-sync", "-D", str(self.data))
        else:
            run(*OWNER, str(BIN / "initdb"), "--no-sync", "-D", str(self.data), "-U", "postgres", "-A", "trust",
                "-E", "UTF8", "--locale=C.UTF-8")
        self.start()

    def promote(self) -> None:
        """Returns when the server accepts writes."""
        run(*OWNER, str(BIN / "pg_ctl"), "-D", str(self.data), "-s", "-w", "promote")


def request(server: Server, method: str, path: str, body: dict | None = None, headers: dict[str, str] | None = None):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        return exchange(connection, method, path, body, headers)
    finally:
        connection.close()


def wait(what: str, condition: Callable[[], bool], limit: float = DEADLINE) -> list[str]:
    """Waits for a condition; returns a problem if it does not come true in time."""
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            return [f"waited in vain: {what}"]
        time.sleep(0.02)
    return []


def report(checks: dict[str, Callable[[Path], list[str]]]) -> int:
    """Runs each check in a folder of its own and prints its problems; returns the program's exit status."""
    tally = Tally()
    for name, check in checks.items():
        folder = Path(tempfile.mkdtemp())
        try:
            if OWNER:
                shutil.chown(folder, "postgres")
            problems = check(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        tally.add(name, "; ".join(problems[:5]))
    return tally.finish()
