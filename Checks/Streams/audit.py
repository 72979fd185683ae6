"""Compares what was written, what the log says and what each reader saw."""
import datetime
from collections.abc import Iterator

from Checks.Crash.service import Service
from Checks.Streams.readers import Reader
from Checks.Streams.writers import Writer

# Seconds that the end of an abandoned message may be late, apart from outages: servers look for them every 5 seconds.
MARGIN = 10.0
# Seconds that a server needs after its start until it has looked for them.
WARMUP = 2.0


def audit(
    writers: list[Writer], readers: list[Reader], logs: dict[int, list[dict]], kills: list[tuple[float, float]],
    services: list[Service],
) -> Iterator[tuple[str, object]]:
    """Stops the servers, and yields each check with the problems it found; none if it passes.

    `kills` are the times at which servers were killed, and at which they were back.
    """
    entries: dict[int, list[dict]] = {}
    for entry in (entry for log in logs.values() for entry in log):
        entries.setdefault(entry["message"]["id"], []).append(entry)
    ends = {writer: entries.get(writer.id, [{"message": {"text": "", "state": "missing"}}])[-1] for writer in writers}
    final = {writer: end["message"] for writer, end in ends.items()}

    yield "every response to a writer was expected, and what was stored stayed", [
        problem for writer in writers for problem in writer.problems
    ][:5]
    yield "every event was expected, and every text was the beginning of what was written", [
        problem for reader in readers for problem in reader.problems
    ][:5]
    yield "the kills met writers and readers", [] if any(reader.cuts for reader in readers) else "no"
    yield "readers saw the texts grow", [] if any(reader.pieces for reader in readers) else "no"
    yield "every message has two entries", [
        f"{writer.key}: {types}" for writer in writers
        if (types := [entry["type"] for entry in entries.get(writer.id, [])]) != ["message.created", "message.updated"]
    ][:5]
    yield "every message ended as its writer did", [
        f"{writer.key}, {writer.fate}: {outcome}" for writer in writers
        if (outcome := (final[writer]["state"], final[writer].get("reason"))) != expected(writer)
    ][:5]
    yield "a message that its writer ended has the whole text", [
        f"{writer.key}: {len(final[writer]['text'])} of {len(writer.written)}" for writer in writers
        if writer.fate == "done" and final[writer]["text"] != writer.written
    ][:5]
    yield "no message lost what was stored", [
        f"{writer.key}: {len(final[writer]['text'])} of {writer.stored} stored" for writer in writers
        if not writer.written.startswith(final[writer]["text"]) or len(final[writer]["text"]) < writer.stored
    ][:5]
    yield "abandoned messages ended in time", [
        f"{writer.key}: {late:.1f} s late" for writer in writers if writer.fate == "vanished"
        # After a crash, the lease counts from when it was stored, which was at most half of it earlier.
        and not -writer.ttl / 2 <= (late := lateness(writer, ends[writer], kills)) <= MARGIN
    ][:5]
    yield "every reader ended with the same texts", [
        f"a reader of chat {reader.chat} at {reader.position}" for reader in readers
        if reader.texts != {entry["message"]["id"]: entry["message"]["text"] for entry in logs[reader.chat]}
    ][:5]
    yield "the servers stop with status 0", [status for service in services if (status := service.stop())]
    yield "no failure of the servers' own is in their logs", [
        failure for service in services for failure in service.failures
    ][:5]


def expected(writer: Writer) -> tuple[str, str | None]:
    return {"vanished": ("failed", "abandoned")}.get(writer.fate, (writer.fate, None))


def lateness(writer: Writer, entry: dict, kills: list[tuple[float, float]]) -> float:
    """The seconds between the end of a writer's lease and that of the message, without outages."""
    due = writer.acknowledged_at + writer.ttl
    end = datetime.datetime.fromisoformat(entry["at"]).timestamp() if "at" in entry else 0
    late, seen = end - due, due
    for killed, restarted in kills:
        start, stop = max(killed, seen), min(restarted + WARMUP, end)
        if start < stop:
            late -= stop - start
            seen = stop
    return late
