"""The text of an open message, as its writer knows it."""

from __future__ import annotations

# Characters per request: even if each of them is escaped in JSON, the body stays far below the server's limit.
MAX_PIECE = 8_192


class Draft:
    """Applies the writer's rule: what was not acknowledged is sent again, from the offset that the server names.

    It keeps the whole text, which the server bounds. A server that restarts has only what it had stored, so the request
    that ends the message must carry the text unless all of it is stored.
    """

    def __init__(self) -> None:
        self.text = ""
        # Whether the server has said that it has stored exactly this text. At first, it may have an earlier writer's.
        self.is_stored = False
        self._acknowledged = 0
        self._has_other_text = False

    def add(self, text: str) -> None:
        """Adds a text that the server does not have yet."""
        self.text += text
        self.is_stored = self.is_stored and not text

    @property
    def unsent(self) -> int:
        """How many characters the next requests have to carry."""
        return 0 if self._has_other_text else len(self.text) - self._acknowledged

    def next(self) -> tuple[int, str]:
        """The next piece and where it belongs. An empty one only renews the lease."""
        at = 0 if self._has_other_text else self._acknowledged
        return at, self.text[at : at + min(self.unsent, MAX_PIECE)]

    def acknowledge(self, end: int, length: int, stored: int) -> None:
        """Notes that the server has the text up to `end`, and how long its text is and how much of it is stored."""
        self._acknowledged = end
        self.is_stored = not self._has_other_text and length == stored == len(self.text)

    def reject(self, at: int, length: int) -> None:
        """Notes that a piece does not belong at `at`, since the server's text has another length or says something else.

        In the second case, an earlier writer left it. Nothing more can be appended, and this text replaces that one in
        the end.
        """
        self._acknowledged = min(at, length)
        self._has_other_text = length >= at
        self.is_stored = False
