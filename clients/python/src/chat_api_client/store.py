"""Where a client keeps its positions and its unsent messages."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Protocol


class Store(Protocol):
    """Keeps text under names. Two clients must not share one."""

    async def get(self, name: str) -> str | None:
        """Returns the text, or None if there is none."""

    async def set(self, name: str, value: str | None) -> None:
        """Keeps a text, or removes it. Once this returns, it must outlast the application if the store is to."""


class MemoryStore:
    """Forgets everything when the application ends."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    async def get(self, name: str) -> str | None:
        return self._values.get(name)

    async def set(self, name: str, value: str | None) -> None:
        if value is None:
            self._values.pop(name, None)
        else:
            self._values[name] = value


class FileStore:
    """Keeps everything in one JSON file, which it replaces atomically.

    It outlasts the application, even if that is killed. It does not wait for the disk, so a power failure may undo
    the last changes. Only one process may use a file at a time.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._values: dict[str, str] | None = None

    async def get(self, name: str) -> str | None:
        return self._read().get(name)

    async def set(self, name: str, value: str | None) -> None:
        values = self._read()
        if values.get(name) == value:
            return
        if value is None:
            del values[name]
        else:
            values[name] = value
        # Written in one step, not in a thread: a canceled task must not leave half a change behind.
        draft = self._path.with_name(self._path.name + ".new")
        draft.write_text(json.dumps(values), encoding="utf-8")
        draft.replace(self._path)

    def _read(self) -> dict[str, str]:
        if self._values is None:
            try:
                self._values = json.loads(self._path.read_text(encoding="utf-8"))
            except FileNotFoundError:
                self._values = {}
        return self._values
