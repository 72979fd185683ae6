"""Describes the hardware and software of a measurement, without anything that identifies the machine."""
import os
import re
import sqlite3
import subprocess
from pathlib import Path

from Checks.Support import cluster
from Checks.Support.server import BINARY


def describe() -> dict[str, str]:
    kib = int(first(r"MemTotal: *(\d+)", Path("/proc/meminfo").read_text()))
    return {
        "cores": str(os.cpu_count()),
        "CPU": first(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text()),
        "memory": f"{kib / 2**20:.0f} GiB",
        "Chat API": output(BINARY, "--version"),
        "Swift": first(r"Swift version (\S+)", output("swift", "--version")),
        "PostgreSQL": cluster.sql("SHOW server_version")[0][0].split()[0],
        "SQLite": sqlite3.sqlite_version,
        "wrk": first(r"wrk (\S+)", output("wrk", "-v")),
    }


def output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1].strip() if found else "unknown"
