"""Replies that are written while they are read, against the real server."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest

from chat_api_client import Chat, ChatError, Event, Message, Reply, grow
from Checks.Clients.proxy import Network

from .conftest import ChatServer
from .test_server import chat_of, client, is_type, until

WORDS = [f"wörd-{number} 👩‍👧 " for number in range(60)]


@asynccontextmanager
async def chats(server: ChatServer) -> AsyncIterator[tuple[Chat, Chat]]:
    """The same chat, as its writer and as another client of the same user."""
    async with client(server) as writer, client(server) as other:
        id = await chat_of(writer)
        yield writer.chat(id), other.chat(id)


async def get(chat: Chat, reply: Reply) -> Message:
    [message] = [each for each in (await chat.messages())["messages"] if each["id"] == reply.message["id"]]
    return message


async def entries(chat: Chat) -> list[str]:
    return [entry["type"] for entry in (await chat.log())["entries"] if entry["type"].startswith("message")]


async def ended(events: AsyncGenerator[Event, None]) -> tuple[list[str], Message]:
    """Follows the only message of a chat to its end, and returns the texts it had on the way."""
    texts: list[str] = []
    message: Message | None = None
    async with asyncio.timeout(30):
        async for event in events:
            if "message" in event:
                message = event["message"]
                if message["state"] != "open":
                    return texts, message
            elif message is not None:
                message = grow(message, event)
                texts.append(message["text"])
    raise AssertionError("the message did not end")


async def test_readers_see_a_reply_grow_and_then_its_end(server: ChatServer) -> None:
    async with chats(server) as (chat, reader), aclosing(reader.events(after=0)) as events:
        async with chat.reply(metadata={"model": "test"}) as reply:
            reply.status("Searching")
            searching = await until(events, is_type("message.appended"))
            assert (searching[-1]["status"], searching[-1]["text"]) == ("Searching", "")
            await reply.write("Hel")
            growing = (await until(events, is_type("message.appended")))[-1]
            assert (growing["text"], growing.get("status")) == ("Hel", None)
            await reply.write("lo")
        _, message = await ended(events)
        assert message == reply.message
        assert (message["text"], message["state"], message["metadata"]) == ("Hello", "done", {"model": "test"})
        assert not reply.cancelled.is_set()
        assert await entries(chat) == ["message.created", "message.updated"]


async def test_a_reply_is_whole_although_the_server_is_killed_while_it_is_written(server: ChatServer) -> None:
    async with chats(server) as (chat, reader), aclosing(reader.events(after=0)) as events:
        reading = asyncio.create_task(ended(events))
        async with chat.reply() as reply:
            for number, word in enumerate(WORDS):
                await reply.write(word)
                if number in (20, 40):
                    while (await get(reader, reply))["text"] != "".join(WORDS[: number + 1]):
                        await asyncio.sleep(0.01)
                    server.kill()
                if number in (25, 45):
                    await asyncio.sleep(0.1)
                    server.start()
        _, message = await reading
        assert message["text"] == "".join(WORDS) == reply.message["text"]
        assert await entries(chat) == ["message.created", "message.updated"]


async def test_a_reply_is_whole_although_the_server_is_killed_before_its_end(server: ChatServer) -> None:
    async with chats(server) as (chat, reader):
        async with chat.reply() as reply:
            await reply.write("Hello")
            while (await get(reader, reply))["text"] != "Hello":
                await asyncio.sleep(0.01)
            server.kill()
            server.start()
            # The server has acknowledged the text, but lost it.
            assert (await get(reader, reply))["text"] == ""
        assert reply.message["text"] == "Hello"


async def test_a_reply_is_whole_although_responses_get_lost(server: ChatServer) -> None:
    network = Network(lambda: server.port, random.Random(1), lambda line: None)
    await network.become("fine")
    try:
        async with client(server) as other:
            id = await chat_of(other)
            async with client(server, url=f"http://127.0.0.1:{network.port}") as writer:
                network.faults.losses = 1
                async with writer.chat(id).reply() as reply:
                    for word in WORDS:
                        if random.random() < 0.2:
                            network.faults.losses = 1
                        await reply.write(word)
                        await asyncio.sleep(0.002)
                    network.cut()
            assert reply.message["text"] == "".join(WORDS) == (await get(other.chat(id), reply))["text"]
            assert await entries(other.chat(id)) == ["message.created", "message.updated"]
    finally:
        network.close()


async def test_an_exception_ends_a_reply_as_failed_and_says_no_more_than_its_class(server: ChatServer) -> None:
    async with chats(server) as (chat, _):
        with pytest.raises(ZeroDivisionError):
            async with chat.reply() as reply:
                await reply.write("One divided by zero is ")
                raise ZeroDivisionError("a secret")
        message = await get(chat, reply)
        assert message == reply.message
        assert (message["text"], message["state"]) == ("One divided by zero is ", "failed")
        assert message["reason"] == "ZeroDivisionError"


async def test_canceling_the_task_ends_a_reply_as_cancelled(server: ChatServer) -> None:
    async with chats(server) as (chat, reader), aclosing(reader.events(after=0)) as events:

        async def write() -> None:
            async with chat.reply() as reply:
                await reply.write("Hello")
                await asyncio.Event().wait()

        task = asyncio.create_task(write())
        await until(events, is_type("message.appended"))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        _, message = await ended(reader.events(after=0))
        assert (message["text"], message["state"]) == ("Hello", "cancelled")


async def test_canceling_the_task_while_it_leaves_the_block_ends_a_reply_as_cancelled(server: ChatServer) -> None:
    async with chats(server) as (chat, _):
        reply = chat.reply()

        async def write() -> None:
            async with reply:
                server.signal(signal.SIGSTOP)
                await reply.write("Hello")

        task = asyncio.create_task(write())
        while not reply._draft.unsent:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.sleep(0.05)
        server.signal(signal.SIGCONT)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (reply.message["text"], reply.message["state"]) == ("Hello", "cancelled")


async def test_somebody_else_cancels_a_reply(server: ChatServer) -> None:
    async with chats(server) as (chat, other):
        written = 0
        async with asyncio.timeout(20), chat.reply() as reply:
            while True:
                await reply.write("more ")
                written += 1
                if written == 3:
                    await other.cancel(reply.message["id"])
                await asyncio.sleep(0.01)
        assert reply.message["state"] == "cancelled"
        assert reply.cancelled.is_set()
        assert reply.message["text"] == "more " * written


async def test_the_stream_tells_a_writer_that_waits_of_the_cancellation(server: ChatServer) -> None:
    async with chats(server) as (chat, other), aclosing(chat.events(after=0)) as events:
        await until(events, is_type("caught_up"))
        async with asyncio.timeout(4), chat.reply() as reply:
            await other.cancel(reply.message["id"])
            await reply.cancelled.wait()
            await reply.write("too late")
        assert (reply.message["state"], reply.message["text"]) == ("cancelled", "")


async def test_a_reply_that_was_deleted_ends_its_block(server: ChatServer) -> None:
    async with chats(server) as (chat, other):
        async with asyncio.timeout(20), chat.reply() as reply:
            await other.delete(reply.message["id"])
            while True:
                await reply.write("more ")
        assert reply.cancelled.is_set()
        async with asyncio.timeout(20), chat.reply() as reply:
            server.request("DELETE", f"/chats/{chat.id}")
            while True:
                await reply.write("more ")
        assert reply.cancelled.is_set()


async def test_the_lease_is_renewed_while_nothing_is_written(server: ChatServer) -> None:
    async with chats(server) as (chat, _):
        async with chat.reply(ttl=5) as reply:
            await asyncio.sleep(6)
            await reply.write("Hello")
        assert (reply.message["state"], reply.message["text"]) == ("done", "Hello")


@pytest.mark.parametrize("text", ["Hello, world!", "Hi, world!", "Hello", ""])
async def test_a_program_that_was_killed_writes_its_reply_again_and_only_once(server: ChatServer, text: str) -> None:
    async with chats(server) as (chat, again):
        killed = chat.reply(key="answer")
        await killed.__aenter__()
        await killed.write("Hello, w")
        while (await get(again, killed))["text"] != "Hello, w":
            await asyncio.sleep(0.01)
        await killed._stop()
        for each in (text, "Never said"):
            async with again.reply(key="answer") as reply:
                await reply.write(each)
            assert reply.message["id"] == killed.message["id"]
            assert (reply.message["state"], reply.message["text"]) == ("done", text)
        assert await entries(chat) == ["message.created", "message.updated"]


async def test_an_inner_block_does_not_stop_at_the_cancellation_of_the_outer_one(server: ChatServer) -> None:
    async with chats(server) as (chat, other):
        has_continued = False
        async with chat.reply() as outer:
            async with chat.reply() as inner:
                await other.cancel(outer.message["id"])
                while True:
                    await outer.write("more ")
            has_continued = True
        assert not has_continued
        assert (outer.message["state"], inner.message["state"]) == ("cancelled", "cancelled")


async def test_a_text_that_the_server_rejects_ends_the_block_with_its_error(server: ChatServer) -> None:
    async with chats(server) as (chat, _):
        for text, code in (("a" * 40_000, "message_too_long"), ("a\0", "validation_failed")):
            with pytest.raises(ChatError, match=code):
                async with chat.reply() as reply:
                    await reply.write(text)
            assert (reply.message["state"], reply.message["reason"]) == ("failed", "ChatError")
        with pytest.raises(ValueError):
            async with chat.reply() as reply:
                await reply.write("\ud83d")
        assert reply.message["reason"] == "UnicodeEncodeError"


async def test_the_largest_text_fits(server: ChatServer) -> None:
    async with chats(server) as (chat, _):
        for character in "a👩\x01":
            async with chat.reply() as reply:
                for _ in range(4):
                    await reply.write(character * 8_192)
            assert reply.message["text"] == character * 32_768


async def test_a_closed_client_ends_a_reply_with_its_error(server: ChatServer) -> None:
    writer = client(server)
    with pytest.raises(ChatError, match="client_closed"):
        async with asyncio.timeout(20), writer.chat(await chat_of(writer)).reply() as reply:
            await writer.close()
            while True:
                await reply.write("more ")
