from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from chat_api_client import ChatClient, ChatError, MemoryStore, Message, Pending
from chat_api_client.api import API
from chat_api_client.models import Event
from chat_api_client.outboxes import NAME, Outboxes
from chat_api_client.sender import Sender


class Server(API):
    """Answers requests when the test says so."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, asyncio.Future[Any]]] = []

    async def post_once(self, path: str, body: Any, key: str) -> Any:
        assert path == "/chats/7/messages/"
        self.requests.append((key, asyncio.get_running_loop().create_future()))
        return await self.requests[-1][1]

    @property
    def keys(self) -> list[str]:
        return [key for key, _ in self.requests]


class Application:
    """A sender and what it reports."""

    def __init__(self, store: MemoryStore | None = None) -> None:
        self.server = Server()
        self.store = store or MemoryStore()
        self.outboxes = Outboxes(self.store)
        self.changes: list[tuple[str, str]] = []
        self.sender = Sender(7, self.server, self.outboxes, lambda each: self.changes.append((each.key, each.status)))

    async def send(self, *keys: str) -> list[Pending]:
        messages = [self.sender.send(Pending(7, f"text of {key}", key=key)) for key in keys]
        await turns()
        return messages


def message(id: int) -> Message:
    return cast(Message, {"id": id, "seq": id, "text": "Hello"})


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_one_message_is_sent_at_a_time_in_order() -> None:
    application = Application()
    first, second = await application.send("k1", "k2")
    assert application.server.keys == ["k1"]
    application.server.requests[0][1].set_result(message(1))
    await turns()
    assert application.server.keys == ["k1", "k2"]
    application.server.requests[1][1].set_exception(ChatError("forbidden", "no", status=403))
    await turns()
    assert application.changes == [("k1", "pending"), ("k2", "pending"), ("k1", "sent"), ("k2", "failed")]
    assert (first.message, second.message) == (message(1), None)


async def test_nothing_is_sent_before_it_is_in_the_store() -> None:
    application = Application()
    stored: list[str | None] = []
    post_once = application.server.post_once

    async def posting(path: str, body: Any, key: str) -> Any:
        stored.append(await application.store.get(NAME))
        return await post_once(path, body, key)

    application.server.post_once = posting  # type: ignore[method-assign]
    await application.send("k1", "k2")
    assert "k1" in str(stored[0])


async def test_the_stream_settles_a_message_whose_response_does_not_come() -> None:
    application = Application()
    first, _ = await application.send("k1", "k2")
    application.sender.settle("k1", message(1))
    application.sender.settle("k1", message(1))
    await turns()
    assert first.status == "sent"
    assert application.server.requests[0][1].cancelled()
    assert application.server.keys == ["k1", "k2"]
    assert application.changes == [("k1", "pending"), ("k2", "pending"), ("k1", "sent")]
    assert "k1" not in str(await application.store.get(NAME))


async def test_the_stream_settles_a_message_that_waits_for_its_turn() -> None:
    application = Application()
    await application.send("k1", "k2", "k3")
    application.sender.settle("k2", message(1))
    application.server.requests[0][1].set_result(message(2))
    await turns()
    assert application.server.keys == ["k1", "k3"]


async def test_a_discarded_message_gives_way_to_the_next() -> None:
    application = Application()
    first, second = await application.send("k1", "k2")
    application.sender.discard(first)
    await turns()
    assert application.server.keys == ["k1", "k2"]
    assert list(application.sender.outbox) == [second]
    assert "k1" not in str(await application.store.get(NAME))


async def test_a_message_that_cannot_be_stored_fails_and_can_be_retried() -> None:
    class FullDisk(MemoryStore):
        is_full = True

        async def set(self, name: str, value: str | None) -> None:
            if self.is_full:
                raise OSError("the disk is full")
            await super().set(name, value)

    disk = FullDisk()
    application = Application(disk)
    [pending] = await application.send("k1")
    assert pending.error is not None and pending.error.code == "store_failed"
    assert application.server.keys == []
    disk.is_full = False
    application.sender.retry(pending)
    await turns()
    assert application.server.keys == ["k1"]


async def test_the_key_of_a_rejected_message_sends_it_again_unless_its_key_was_refused() -> None:
    application = Application()
    [rejected] = await application.send("k1")
    application.server.requests[0][1].set_exception(ChatError("forbidden", "no", status=403))
    await turns()
    assert await application.send("k1") == [rejected]
    assert (rejected.status, application.server.keys) == ("pending", ["k1", "k1"])
    refusal = ChatError("idempotency_key_reused", "used", status=422)
    application.server.requests[1][1].set_exception(refusal)
    await turns()
    assert await application.send("k1") == [rejected]
    assert (rejected.error, application.server.keys) == (refusal, ["k1", "k1"])


async def test_a_key_with_another_content_fails_and_the_message_that_has_it_is_sent() -> None:
    application = Application()
    [first] = await application.send("k1")
    other = application.sender.send(Pending(7, "other", key="k1"))
    with pytest.raises(ChatError, match="^idempotency_key_reused: ") as caught:
        await other.wait()
    assert not caught.value.is_temporary
    assert list(application.sender.outbox) == [first]
    application.server.requests[0][1].set_result(message(1))
    await turns()
    assert (first.status, application.server.keys) == ("sent", ["k1"])


async def test_a_closed_sender_keeps_its_messages_for_the_next_one() -> None:
    application = Application()
    await application.send("k1", "k2")
    await application.sender.close()
    later = Application(application.store)
    assert await later.outboxes.load() == [7]
    later.sender.resume()
    await turns()
    assert later.server.keys == ["k1"]
    assert later.changes == [("k1", "pending"), ("k2", "pending")]


async def test_another_authors_message_with_the_same_key_is_not_taken_for_ours() -> None:
    client = ChatClient("http://127.0.0.1:9")
    chat = client.chat(7)
    settled: list[str] = []
    chat._sender.settle = lambda key, message: settled.append(key)  # type: ignore[method-assign]
    random_key = Pending(7, "text").key
    for key in ("answer-1", random_key):
        chat._observe(cast(Event, {"type": "message.created", "message": {"id": 1, "idempotency_key": key}}))
    assert settled == [random_key]
    await client.close()
