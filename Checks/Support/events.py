"""A parser of Server-Sent Events."""
import http.client
import json
from collections.abc import Iterator


def events(answer: http.client.HTTPResponse) -> Iterator[tuple[str | None, str | None, dict | None]]:
    """Yields the type, the id and the data of each event of a stream, each None if it has none."""
    kind = id = data = None
    while line := answer.readline().decode():
        if not line.endswith("\n"):
            # Cut off by the end of the server.
            return
        name, _, value = line.rstrip("\n").partition(": ")
        if name == "event":
            kind = value
        elif name == "id":
            id = value
        elif name == "data":
            data = json.loads(value)
        elif not name:
            yield kind, id, data
            kind = id = data = None
