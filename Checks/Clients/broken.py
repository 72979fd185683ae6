"""Breaks the rules of the clients, to test the audit.

    python3 -m Checks.Clients.broken FAULT COMMAND...

Runs a driver, and changes what it reads and prints.
"""
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass

PLAIN = [{"expect": {"status": "live"}}, {"post": 4}, {"send": 4}, {"expect": {"sent": 4}}]
OFFLINE = [{"network": "refuse"}, {"send": 3}, {"kill": "ada"}, {"start": "ada"}]
RESTART = [{"send": 2}, {"expect": {"sent": 2}}, {"kill": "ada"}, {"post": 2}, {"start": "ada"}]
REJECTED = [{"send": 1, "invalid": True}, {"send": 1}, {"expect": {"sent": 1}}]
READMITTED = [
    {"remove": "ada"}, {"send": 1}, {"expect": {"failed": 1}}, {"add": "ada"}, {"send_again": "ada"},
    {"expect": {"sent": 1}},
]
REFUSED = [{"network": "refuse"}, {"send": 1}, {"send_instead": "ada"}, {"network": "fine"}, {"expect": {"sent": 1}}]
RETRIED = [
    {"send": 1, "invalid": True}, {"expect": {"failed": 1}}, {"network": "refuse"}, {"send": 1, "invalid": True},
    {"retry": "ada"}, {"network": "fine"}, {"expect": {"failed": 2}},
]
REPLY = [{"reply": 1}, {"append": 3}, {"expect": {"pieces": 1}}, {"finish": "ada"}, {"expect": {"finished": 1}}]
RENEWED = [{"send": 2}, {"expect": {"sent": 2, "entries": 3}}, {"epoch": "renew"}]


@dataclass
class Fault:
    """Replaces commands and events."""
    change: Callable[[dict], list[dict]]
    matches: Callable[[dict], bool]
    steps: list[dict]
    # What the audit must find.
    problem: str
    # Which match to replace; None replaces each.
    number: int | None = None
    # Where the client starts.
    after: int | None = 0
    count: int = 0

    @property
    def scenario(self) -> dict:
        return {"clients": {"ada": {"after": self.after}}, "steps": self.steps}

    def apply(self, line: dict) -> list[dict]:
        if not self.matches(line):
            return [line]
        self.count += 1
        return self.change(line) if self.number in (None, self.count) else [line]


def is_entry(line: dict) -> bool:
    return line.get("event") == "entry" and "seq" in line["data"]


def is_message(line: dict) -> bool:
    return is_entry(line) and line["data"]["type"] == "message.created"


def is_piece(line: dict) -> bool:
    return line.get("event") == "entry" and line["data"]["type"] == "message.appended"


def is_reset(line: dict) -> bool:
    return line.get("event") == "entry" and line["data"]["type"] == "reset"


def is_chat(line: dict) -> bool:
    return line.get("event") == "inbox" and line["data"]["type"] == "chat"


def does(verb: str) -> Callable[[dict], bool]:
    return lambda line: line.get("do") == verb


def reports(status: str) -> Callable[[dict], bool]:
    return lambda line: line.get("event") == "message" and line["status"] == status


def says(event: str) -> Callable[[dict], bool]:
    return lambda line: line.get("event") == event


def with_data(line: dict, **data) -> list[dict]:
    return [line | {"data": line["data"] | data}]


def post_twice(line: dict) -> list[dict]:
    """Hides what the driver says of the second message."""
    if line.get("do") == "send":
        return [line, line | {"key": f"{line['key']}-again"}]
    return [] if line["key"].endswith("-again") else [line]


def take_key(line: dict) -> list[dict]:
    """Sends another text under another key, of which the driver says nothing."""
    if line.get("do") == "send":
        return [line | {"key": f"{line['key']}-again"}] if line["text"].startswith("refused") else [line]
    return [] if line["key"].endswith("-again") else [line]


def swap_sends(line: dict, held: list[dict] = []) -> list[dict]:
    held.append(line)
    return held[::-1] if len(held) == 2 else [] if len(held) == 1 else [line]


def use_own_store(line: dict) -> list[dict]:
    return [line | {"store": f"{line['store']}.{os.getpid()}"}]


FAULTS = {
    "drops an entry": Fault(lambda line: [], is_entry, PLAIN, "got 4 after 2", 3),
    "drops the last entries": Fault(
        lambda line: [] if line["data"]["seq"] > 7 else [line], is_entry, PLAIN, "is at 7 of 10",
    ),
    "repeats an entry": Fault(lambda line: [line, line], is_entry, PLAIN, "got 3 after 3", 3),
    "changes an entry": Fault(lambda line: with_data(line, message={"text": "?"}), is_message, PLAIN, "'text': '?'", 2),
    "hides a reset": Fault(lambda line: [], is_reset, RENEWED, "got 1 after 3"),
    "invents a reset": Fault(lambda line: [line, *with_data(line, type="reset")], is_entry, PLAIN, "got a reset", 3),
    "shows another inbox": Fault(lambda line: with_data(line, unread=99), is_chat, PLAIN, "the inbox shows"),
    "posts twice": Fault(
        post_twice, lambda line: does("send")(line) or says("message")(line), PLAIN, "is in the log at [",
    ),
    "sends in another order": Fault(swap_sends, does("send"), PLAIN, "of an earlier one"),
    "does not send again": Fault(lambda line: [], does("send"), READMITTED, "expected {'sent': 1}", 2),
    "sends another text under a key": Fault(
        take_key, lambda line: does("send")(line) or says("message")(line), REFUSED, "another message had its key",
    ),
    "retries at the old place": Fault(
        lambda line: [line | {"keys": line["keys"][::-1]}], says("pending"), RETRIED, "as pending for [",
    ),
    "calls a pending message sent": Fault(
        lambda line: [line | {"status": "sent", "seq": 1}], reports("pending"), OFFLINE, "was sent as 1, but",
    ),
    "calls a sent message failed": Fault(
        lambda line: [line | {"status": "failed", "code": "validation_failed"}], reports("sent"), PLAIN[:-1],
        "failed, but is in the log",
    ),
    "calls a failed message sent": Fault(
        lambda line: [line | {"status": "sent", "seq": 99}], reports("failed"), REJECTED,
        "was sent, but is not in the log",
    ),
    "hides that a message failed": Fault(lambda line: [], reports("failed"), REJECTED, "is pending"),
    "loses its store": Fault(use_own_store, does("start"), OFFLINE, "never stored"),
    "forgets where it was": Fault(lambda line: [line | {"after": 0}], does("follow"), RESTART, "got 1 after"),
    "starts at the beginning": Fault(
        lambda line: [line | {"after": 0}], does("follow"), PLAIN, "got 1, but follows from now on", after=None,
    ),
    "asks for two tokens": Fault(lambda line: [line, line], says("token_needed"), PLAIN, "while it waits for one"),
    "asks for a token again": Fault(
        lambda line: [line, {"event": "token_needed"}], reports("sent"), PLAIN, "although its own is good", 1,
    ),
    "is never live": Fault(
        lambda line: [line | {"status": "offline"}], says("status"), PLAIN[1:], "is still offline",
    ),
    "does not stop": Fault(lambda line: [], does("stop"), PLAIN, "did not stop"),
    "loses a piece": Fault(lambda line: [], does("append"), REPLY, "was written as", 2),
    "repeats a piece": Fault(lambda line: [line, line], does("append"), REPLY, "was written as", 2),
    "shows a piece at another place": Fault(lambda line: with_data(line, at=1_000), is_piece, REPLY, "got a piece at"),
    "opens a second reply": Fault(
        lambda line: [line, line | {"key": f"{line['key']}-again"}], does("reply"), REPLY, "nobody has written",
    ),
    "lists nothing as pending": Fault(
        lambda line: [line | {"keys": []}], says("pending"), REJECTED, "as pending for [",
    ),
}


def wrap(name: str, command: list[str]) -> list[str]:
    return [sys.executable, "-m", "Checks.Clients.broken", name, *command]


def copy(fault: Fault, source, destination) -> None:
    for line in source:
        for changed in fault.apply(json.loads(line)):
            destination.write(f"{json.dumps(changed)}\n".encode())
            destination.flush()
    destination.close()


def main() -> None:
    _, name, *command = sys.argv
    fault = FAULTS[name]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    threading.Thread(target=copy, args=(fault, sys.stdin.buffer, process.stdin), daemon=True).start()
    copy(fault, process.stdout, sys.stdout.buffer)
    # The other thread may hold standard input.
    os._exit(process.wait())


if __name__ == "__main__":
    main()
