"""Compares what the receiver got with what was posted."""
import re
from collections.abc import Iterator

from Checks.Crash.service import Service
from Checks.Webhooks.receiver import Receiver, Request
from Checks.Webhooks.writers import Writer

ID = re.compile(r"(\d+)\.(\d+)\.([0-9a-f]{8})\.(\d+)-(\d+)")


def audit(
    writers: list[Writer], receiver: Receiver, ends: dict[int, int], services: list[Service]
) -> Iterator[tuple[str, object]]:
    """Stops the servers, and yields each check with the problems it found; none if it passes."""
    yield "messages were acknowledged", [] if all(writer.acknowledged for writer in writers) else "no"
    yield "the kills met requests", [] if any(writer.faults for writer in writers) else "no"
    yield "every response is one that was expected", [each for writer in writers for each in writer.problems][:5]
    yield "the receiver rejected requests", [] if any(not each.accepted for each in receiver.requests) else "no"
    yield "every signature is valid", receiver.problems[:5]
    yield "the servers stop with status 0", [status for status in map(Service.stop, services) if status]
    failures = [each for service in services for each in service.failures]
    yield "no failure of the servers' own is in their logs", failures[:5]

    acknowledged = {message for writer in writers for message in writer.acknowledged}
    for path, hook in receiver.hooks.items():
        requests = [request for request in receiver.requests if request.hook == path]
        delivered = {(each.chat, message) for each in requests if each.accepted for message in each.messages}
        yield f"{path} got every acknowledged message", sorted(acknowledged - delivered)[:5]
        yield f"{path} got all entries", {
            chat: (hook.ends.get(chat), end) for chat, end in ends.items() if hook.ends.get(chat) != end
        }
        yield f"{path} got each request under its own id", [
            request.id for request in requests if not is_named_after_its_content(request, hook.number)
        ][:5]
        yield f"{path} got each chat in order", [
            problem for chat in ends for problem in disorder([each for each in requests if each.chat == chat])
        ][:5]


def is_named_after_its_content(request: Request, hook: int) -> bool:
    found = ID.fullmatch(request.id)
    if not found:
        return False
    number, chat, epoch, first, last = found.groups()
    name = int(number), int(chat), epoch
    return name == (hook, request.chat, request.epoch) and request.positions == [*range(int(first), int(last) + 1)]


def disorder(requests: list[Request]) -> list[str]:
    """The requests for a chat that neither repeat the one before nor continue after it once it was accepted."""
    problems = []
    current, end, is_accepted = None, 0, True
    for request in requests:
        if request.id == current:
            is_accepted |= request.accepted
            continue
        if not is_accepted:
            problems.append(f"{request.id} came before {current} was accepted")
        if request.positions[0] != end + 1:
            problems.append(f"{request.id} came after {current}")
        current, end, is_accepted = request.id, request.positions[-1], request.accepted
    return problems
