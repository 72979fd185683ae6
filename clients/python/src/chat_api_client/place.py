"""Positions in a chat's log."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """A position and the epoch it belongs to; the server does not check a position without an epoch."""

    seq: int
    epoch: str | None = None

    @classmethod
    def parse(cls, text: int | str) -> Place:
        """Reads `17`, `"17"` or `"7f3c9a01.17"`; raises `ValueError` for anything else."""
        epoch, dot, seq = str(text).rpartition(".")
        if not (seq.isascii() and seq.isdigit()) or (dot and not epoch.isalnum()):
            raise ValueError(f"not a position: {text!r}")
        return cls(int(seq), epoch or None)

    def __str__(self) -> str:
        return f"{self.epoch}.{self.seq}" if self.epoch else str(self.seq)
