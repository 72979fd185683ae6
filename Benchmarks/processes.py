"""The resources that processes use, from /proc."""
import os
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def fields(pid: int) -> list[str]:
    # The name, in brackets, may contain any character.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def tree(root: int) -> list[int]:
    """The ids of a process and its descendants."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                parents[int(entry)] = int(fields(int(entry))[1])
            except OSError:
                continue  # It has ended.
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def cpu_seconds(root: int) -> float:
    """The CPU time of the process and its descendants so far, including those that have ended."""
    ticks = 0
    for pid in tree(root):
        try:
            ticks += sum(int(value) for value in fields(pid)[11:15])
        except OSError:
            continue  # It has ended: its parent's count includes its time, or soon will.
    return ticks / TICKS_PER_SECOND


def disk_bytes(folder: str) -> int:
    """What the disk with the folder has written so far, for any process: measure on an idle machine.

    The kernel's count for one process, `write_bytes` of /proc/*/io, is of no use: where the page cache has large folios, a
    write of 8 KiB counts as up to 2 MiB.
    """
    os.sync()
    device = os.stat(folder).st_dev
    counters = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat").read_text().split()
    return int(counters[6]) * 512


def resident_mib(root: int) -> float:
    kib = 0
    for pid in tree(root):
        status = Path(f"/proc/{pid}/status").read_text()
        kib += int(status.split("VmRSS:")[1].split()[0])
    return kib / 1024


def open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def open_sockets(pid: int) -> int:
    count = 0
    for file in os.listdir(f"/proc/{pid}/fd"):
        try:
            count += os.readlink(f"/proc/{pid}/fd/{file}").startswith("socket:")
        except FileNotFoundError:
            continue  # It has been closed.
    return count


def reset_peak(pid: int) -> None:
    """Resets the peak that `peak_mib` returns."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_mib(pid: int) -> float:
    return int(Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0]) / 1024
