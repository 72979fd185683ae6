"""JSON lines from the chunks of a response."""

from __future__ import annotations

import json
from typing import Any


class Lines:
    """Splits bytes into JSON objects. Empty lines are heartbeats, and an incomplete last line waits for its rest."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[dict[str, Any]]:
        """Returns the objects that the chunk completes.

        Raises `ValueError` for a line that is no JSON object.
        """
        *complete, self._rest = (self._rest + chunk).split(b"\n")
        return [_parse(line) for line in complete if line.strip()]


def _parse(line: bytes) -> dict[str, Any]:
    value = json.loads(line)
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        raise ValueError("a line of a stream is an object with a type")
    return value
