"""Errors of requests, streams and sends."""

from __future__ import annotations

import json
from typing import Any

import httpx

# The client's own codes.
NETWORK_ERROR = "network_error"
TOKEN_UNAVAILABLE = "token_unavailable"
STORE_FAILED = "store_failed"
DISCARDED = "discarded"
CLOSED = "client_closed"

# Codes of the server that the client acts on.
CHAT_NOT_FOUND = "chat_not_found"
EPOCH_CHANGED = "epoch_changed"
IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
MESSAGE_NOT_FOUND = "message_not_found"
MESSAGE_NOT_OPEN = "message_not_open"
OFFSET_MISMATCH = "offset_mismatch"
VALIDATION_FAILED = "validation_failed"
WRITER_REPLACED = "writer_replaced"


class ChatError(Exception):
    """A request that failed.

    `code` is the server's stable code, such as `chat_not_found`, or one of the client's own: `network_error`,
    `token_unavailable` (`detail` is the reason that `token` raised), `store_failed`, `discarded`, `client_closed`, and
    `idempotency_key_reused` without a `status` if the key is that of another unsent message. As `ChatClient.error`, it
    may also be the `type` or the `reason` of the event that ended the stream. `status` is the HTTP status; 0 if there
    was no response. `detail` is for people: a sentence, or the issues of a request that did not validate.
    `retry_after` is in seconds. `length` is the length of an open message's text, with the code `offset_mismatch`.
    """

    def __init__(
        self,
        code: str,
        detail: Any,
        *,
        status: int = 0,
        request_id: str | None = None,
        retry_after: float | None = None,
        length: int = 0,
    ) -> None:
        super().__init__(f"{status} {code}: {detail}" if status else f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.status = status
        self.request_id = request_id
        self.retry_after = retry_after
        self.length = length

    @property
    def is_temporary(self) -> bool:
        """Whether the same request may succeed later."""
        if self.status == 0:
            return self.code not in (STORE_FAILED, DISCARDED, CLOSED, IDEMPOTENCY_KEY_REUSED)
        # The server that writes a message was replaced by another one: the next attempt replaces that.
        return self.status in (408, 429) or self.status >= 500 or self.code == WRITER_REPLACED

    @classmethod
    def from_response(cls, response: httpx.Response) -> ChatError:
        """Reads a response that has been received completely. If it came from a proxy, it may not be JSON."""
        try:
            body = json.loads(response.content)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            body = {}
        return cls(
            body.get("code", f"http_{response.status_code}"),
            body.get("detail", response.reason_phrase),
            status=response.status_code,
            request_id=response.headers.get("X-Request-ID"),
            retry_after=_seconds(response.headers.get("Retry-After")),
            length=body.get("length", 0),
        )


class ReplyCancelled(Exception):
    """Nobody waits for the rest of a reply: somebody has canceled it, or it has ended or was deleted.

    `async with chat.reply()` ends the reply then, and the program continues after the block.
    """

    def __init__(self, message_id: int) -> None:
        super().__init__(f"nobody waits for the rest of message {message_id}")
        self.message_id = message_id


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isascii() and text.isdigit() else None
