"""The client against the real server."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import TypeVar

import pytest

from chat_api_client import ChatClient, ChatError, Event, FileStore, MemoryStore, Status, Store, TokenCallback

from .conftest import ChatServer

T = TypeVar("T")


def client(
    server: ChatServer,
    *,
    store: Store | None = None,
    token: TokenCallback | None = None,
    on_status: Callable[[Status], None] = lambda status: None,
    url: str | None = None,
) -> ChatClient:
    return ChatClient(
        url or server.url,
        token=token or server.callback(),
        store=store,
        min_delay=0.02,
        max_delay=0.2,
        on_status=on_status,
    )


async def until(events: AsyncIterator[T], is_last: Callable[[T], bool]) -> list[T]:
    """Reads up to an event, and leaves the iteration open."""
    found: list[T] = []
    async with asyncio.timeout(20):
        while True:
            found.append(await anext(events))
            if is_last(found[-1]):
                return found


def is_text(text: str) -> Callable[[Event], bool]:
    return lambda event: "message" in event and event["message"]["text"] == text


def is_type(type: str) -> Callable[[Event], bool]:
    return lambda event: event["type"] == type


def texts(events: list[Event]) -> list[str]:
    return [event["message"]["text"] for event in events if "message" in event]


def positions(events: list[Event]) -> list[int]:
    return [event["seq"] for event in events if "seq" in event]


async def reach(expected: Status, statuses: asyncio.Queue[Status]) -> None:
    """Reads the changes of a client's status, some of which last a few milliseconds only."""
    async with asyncio.timeout(20):
        while await statuses.get() != expected:
            pass


async def chat_of(client: ChatClient, title: str = "Team") -> int:
    return (await client.create_chat(title))["id"]


async def test_messages_cross_a_killed_server_in_order_and_once(server: ChatServer) -> None:
    async with client(server) as sender, client(server) as reader:
        id = await chat_of(sender)
        async with aclosing(reader.chat(id).events(after=0)) as events:
            await until(events, is_type("caught_up"))
            pending = []
            for number in range(30):
                pending.append(sender.chat(id).send(f"message {number}"))
                if number == 10:
                    await pending[5].wait()
                    server.kill()
                if number == 20:
                    await asyncio.sleep(0.1)
                    server.start()
            received = await until(events, is_text("message 29"))
        async with asyncio.timeout(20):
            sent = [await message.wait() for message in pending]
        assert texts(received) == [f"message {number}" for number in range(30)]
        assert positions(received) == list(range(2, 32)) == [message["seq"] for message in sent]
        assert sender.chat(id).pending == []


async def test_a_client_that_was_killed_continues_with_its_store(server: ChatServer, tmp_path: Path) -> None:
    store = tmp_path / "store.json"
    async with client(server) as other:
        id = await chat_of(other)
        async with client(server, store=FileStore(store)) as first:
            async with aclosing(first.chat(id).events(after=0)) as events:
                await other.chat(id).send("one").wait()
                await other.chat(id).send("two").wait()
                await until(events, is_text("two"))
            server.kill()
            first.chat(id).send("three", key="k3")
            first.chat(id).send("four", key="k4")
            # What a killed application leaves behind: the file as it is now.
            await asyncio.sleep(0)
            killed = FileStore(tmp_path / "killed.json")
            await asyncio.sleep(0.1)
            (tmp_path / "killed.json").write_text(store.read_text())
        server.start()
        async with client(server, store=killed) as second:
            assert [message.key for message in second.chat(id).pending] == ["k3", "k4"]
            async with aclosing(second.chat(id).events()) as events:
                received = await until(events, is_text("four"))
        # "two" was received but not handled: the next event had not been requested.
        assert texts(received) == ["two", "three", "four"]
        page = await other.chat(id).messages()
        assert [message["text"] for message in page["messages"]] == ["one", "two", "three", "four"]


async def test_the_inbox_and_chats_share_a_connection_and_the_cursor_is_kept(server: ChatServer) -> None:
    store = MemoryStore()
    async with client(server, store=store) as ada:
        id = await chat_of(ada)
        async with aclosing(ada.inbox()) as inbox, aclosing(ada.chat(id).events(after=0)) as events:
            lines = await until(inbox, lambda line: line["type"] == "caught_up")
            assert [line.get("chat_id") for line in lines] == [id, None]
            await ada.chat(id).send("Hello").wait()
            assert texts(await until(events, is_text("Hello"))) == ["Hello"]
            line = (await until(inbox, lambda line: line.get("last_seq") == 2))[-1]
            assert line["last_message"]["text"] == "Hello"
        cursor = await store.get("inbox")
        assert cursor is not None and "." in cursor


async def test_a_bot_without_a_user_reads_chats_although_it_has_no_inbox(server: ChatServer) -> None:
    key = server.command("key", "create", "--name=reader", "--scope=read")

    async def token() -> str:
        return key

    id = server.request("POST", "/chats/", {"title": "Team"})["id"]
    async with client(server, token=token) as bot:
        async with aclosing(bot.chat(id).events(after=0)) as events:
            await until(events, is_type("caught_up"))
            with pytest.raises(ChatError) as caught:
                await until(bot.inbox(), lambda line: False)
            assert caught.value.status == 403
            server.request("POST", f"/chats/{id}/messages/", {"text": "Hello"})
            await until(events, is_text("Hello"))


async def test_a_revoked_key_is_replaced_without_a_gap(server: ChatServer) -> None:
    keys = [server.command("key", "create", f"--name={name}", "--scope=bot:ada") for name in ("old", "new")]
    calls = 0

    async def token() -> str:
        nonlocal calls
        calls += 1
        return keys[calls - 1]

    statuses: list[Status] = []
    async with client(server, token=token, on_status=statuses.append) as ada:
        id = await chat_of(ada)
        async with aclosing(ada.chat(id).events(after=0)) as events:
            await until(events, is_type("caught_up"))
            assert calls == 1
            server.command("key", "revoke", keys[0].split("_")[1])
            await until(events, is_type("caught_up"))
            assert calls == 2
            await ada.chat(id).send("still here").wait()
            assert positions(await until(events, is_text("still here"))) == [2]
    assert "offline" not in statuses


async def test_a_token_that_is_missing_or_wrong_is_asked_for_again(server: ChatServer) -> None:
    def callback() -> TokenCallback:
        answers: Iterator[str | Exception] = iter(["not.a.token", RuntimeError("the backend is down"), server.token()])

        async def token() -> str:
            answer = next(answers)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return token

    async with client(server, token=callback()) as ada:
        assert (await ada.me())["role"] == "user"
    async with client(server, token=callback()) as ada:
        chat = ada.chat(server.request("POST", "/chats/", {"title": "Team"})["id"])
        async with aclosing(chat.events(after=0)) as events:
            assert positions(await until(events, is_type("caught_up"))) == [1]


async def test_a_key_that_stays_rejected_is_reported_and_tried_until_another_one_is_accepted(
    server: ChatServer, caplog: pytest.LogCaptureFixture
) -> None:
    keys = [server.command("key", "create", f"--name={name}", "--scope=bot:ada") for name in ("old", "new")]
    attempts: asyncio.Queue[str] = asyncio.Queue()
    statuses: asyncio.Queue[Status] = asyncio.Queue()
    errors: list[ChatError | None] = []

    async def token() -> str:
        attempts.put_nowait(keys[0])
        return keys[0]

    def note(status: Status) -> None:
        statuses.put_nowait(status)
        errors.append(ada.error)

    ada = client(server, token=token, on_status=note)
    async with ada:
        chat = ada.chat(server.request("POST", "/chats/", {"title": "Team"})["id"])
        async with aclosing(chat.events(after=0)) as events:
            await until(events, is_type("caught_up"))
            assert (ada.error, caplog.messages) == (None, [])
            server.command("key", "revoke", keys[0].split("_")[1])
            await reach("offline", statuses)
            error = ada.error
            assert error is not None and (error.status, error.code) == (401, "key_revoked")
            async with asyncio.timeout(20):
                while attempts.qsize() < 6:
                    await attempts.put(await attempts.get())
                    await asyncio.sleep(0.01)
            keys.pop(0)
            await reach("live", statuses)
            assert ada.error is None
            assert positions(await until(events, is_type("caught_up"))) == []
    assert caplog.messages == [f"offline, trying again: 401 key_revoked: {error.detail}"]
    assert {error and error.code for error in errors} == {None, "key_revoked"}


async def test_a_request_gets_one_new_token_and_fails_if_that_is_rejected_too(server: ChatServer) -> None:
    calls = 0

    async def token() -> str:
        nonlocal calls
        calls += 1
        return f"sk_unknown_{calls}"

    async with client(server, token=token) as ada:
        with pytest.raises(ChatError, match="401 token_invalid"):
            await ada.me()
        assert calls == 2
        first, second = ada.chat(1).send("Hello"), ada.chat(1).send("Hello?")
        for pending in (first, second):
            with pytest.raises(ChatError, match="401 token_invalid"):
                await pending.wait()
        assert calls == 6
        assert ada.chat(1).pending == [first, second]


async def test_a_frozen_server_is_noticed_by_its_silence(server: ChatServer) -> None:
    statuses: asyncio.Queue[Status] = asyncio.Queue()
    async with client(server, on_status=statuses.put_nowait) as ada, client(server) as ben:
        chat = ada.chat(await chat_of(ada))
        async with aclosing(chat.events(after=0)) as events:
            await until(events, is_type("caught_up"))
            server.signal(signal.SIGSTOP)
            try:
                await reach("offline", statuses)
            finally:
                server.signal(signal.SIGCONT)
            await ben.chat(chat.id).send("Hello").wait()
            assert positions(await until(events, is_text("Hello"))) == [2]


async def test_a_server_that_shuts_down_is_not_asked_earlier_than_it_wants(server: ChatServer) -> None:
    changes: list[tuple[float, Status]] = []

    def note(status: Status) -> None:
        changes.append((asyncio.get_running_loop().time(), status))

    async with client(server, on_status=note) as ada:
        chat = ada.chat(await chat_of(ada))
        async with aclosing(chat.events(after=0)) as events:
            await until(events, is_type("caught_up"))
            # The client must not stand still meanwhile: it would take that for silence.
            await asyncio.to_thread(server.stop)
            await asyncio.to_thread(server.start)
            ada.network_restored()
            await until(events, is_type("caught_up"))
    statuses = [status for _, status in changes]
    expected = ["connecting", "catching_up", "live", "offline", "connecting", "catching_up", "live", "idle"]
    assert statuses == expected
    # Servers choose a delay of one to three seconds.
    assert changes[4][0] - changes[3][0] >= 1


async def test_another_history_is_announced_and_sent_from_its_start(server: ChatServer) -> None:
    async with client(server) as ada:
        id = await chat_of(ada)
        await ada.chat(id).send("Hello").wait()
        async with aclosing(ada.chat(id).events(after=0)) as events:
            await until(events, is_type("caught_up"))
            server.kill()
            server.command("epoch", "renew")
            server.start()
            await ada.chat(id).send("again").wait()
            received = await until(events, is_text("again"))
        epoch = (await ada.chat(id).log())["epoch"]
        assert received[0] == {"type": "reset", "epoch": epoch}
        assert positions(received) == [1, 2, 3]


async def test_a_position_after_the_end_of_the_log_is_a_reset(server: ChatServer) -> None:
    async with client(server) as ada:
        id = await chat_of(ada)
        async with aclosing(ada.chat(id).events(after=91)) as events:
            received = await until(events, is_type("caught_up"))
        assert [event["type"] for event in received] == ["reset", "member.joined", "caught_up"]


async def test_a_deleted_chat_ends_its_iteration_and_no_other(server: ChatServer) -> None:
    async with client(server) as ada:
        ids = [await chat_of(ada, title) for title in ("One", "Two", "Three")]
        await ada._api.change("DELETE", f"/chats/{ids[2]}")
        one, two, three = (ada.chat(id).events(after=0) for id in ids)
        ends = await asyncio.gather(*(until(events, is_type("caught_up")) for events in (one, two)), anext(three))
        assert ends[2] == {"type": "chat.deleted", "chat_id": ids[2]}
        await ada._api.change("DELETE", f"/chats/{ids[0]}")
        await until(one, is_type("chat.deleted"))
        with pytest.raises(StopAsyncIteration):
            await anext(one)
        await ada.chat(ids[1]).send("still here").wait()
        await until(two, is_text("still here"))


async def test_a_chat_that_is_refused_ends_its_iteration_and_no_other(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with client(server) as ada:
        ids = [await chat_of(ada, title) for title in ("One", "Two")]
        get = ada._api.get

        async def refuse_two(path: str, **parameters: str | int | None) -> object:
            if path == f"/chats/{ids[1]}/log":
                raise ChatError("forbidden", "You may not do this", status=403)
            return await get(path, **parameters)

        monkeypatch.setattr(ada._api, "get", refuse_two)
        one, two = (ada.chat(id).events(after=0) for id in ids)
        await asyncio.gather(*(until(events, is_type("caught_up")) for events in (one, two)))
        # A stream with this chat is refused, and the client looks for the reason.
        assert (await anext(ada.chat(404).events()))["type"] == "chat.deleted"
        with pytest.raises(ChatError, match="403 forbidden"):
            await until(two, lambda event: False)
        await ada.chat(ids[0]).send("still here").wait()
        await until(one, is_text("still here"))


async def test_a_user_who_is_added_again_at_once_keeps_the_chat(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with client(server) as ada, client(server, token=server.callback("ben")) as ben:
        info = await ada.create_chat("Team", members=["ben"])
        chat, get = ada.chat(info["id"]), ben._api.get
        await chat.remove_member("ben")

        async def add_first(path: str, **parameters: str | int | None) -> object:
            # The stream was refused; the user is back before the client looks for the reason.
            await chat.add_members(["ben"])
            return await get(path, **parameters)

        monkeypatch.setattr(ben._api, "get", add_first)
        async with aclosing(ben.chat(chat.id).events()) as events:
            await until(events, is_type("caught_up"))
            await chat.send("Hello").wait()
            assert texts(await until(events, is_text("Hello"))) == ["Hello"]


async def test_what_an_event_leads_to_is_stored_before_the_event_counts_as_handled(server: ChatServer) -> None:
    class Journal(MemoryStore):
        def __init__(self) -> None:
            super().__init__()
            self.names: list[str] = []

        async def set(self, name: str, value: str | None) -> None:
            self.names.append(name)
            await super().set(name, value)

    store = Journal()
    async with client(server, store=store) as ada:
        chat = ada.chat(await chat_of(ada))
        async with aclosing(chat.events(after=0)) as events:
            await anext(events)
            store.names.clear()
            chat.send("Welcome")
            await anext(events)
            assert store.names[:2] == ["outbox", f"position/{chat.id}"]
        async with aclosing(ada.inbox()) as inbox:
            await anext(inbox)
            store.names.clear()
            chat.send("Hello")
            await until(inbox, lambda line: line["type"] == "caught_up")
            assert store.names[0] == "outbox" and "inbox" in store.names


async def test_a_slow_consumer_misses_nothing(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat_api_client.feed.MAX_WAITING", 5)
    async with client(server) as ada:
        id = await chat_of(ada)
        async with aclosing(ada.chat(id).events(after=0)) as events:
            received = [await anext(events)]
            for number in range(250):
                ada.chat(id).send(str(number))
            await ada.chat(id).pending[-1].wait()
            received += await until(events, is_text("249"))
            assert positions(received) == list(range(1, 252))
            assert ada.chat(id).send("live").status == "pending"
            await until(events, is_text("live"))


async def test_leaving_the_loop_or_canceling_its_task_releases_the_chat(server: ChatServer) -> None:
    statuses: asyncio.Queue[Status] = asyncio.Queue()
    async with client(server, on_status=statuses.put_nowait) as ada:
        id = await chat_of(ada)

        async def consume() -> None:
            async for _ in ada.chat(id).events(after=0):
                pass

        task = asyncio.create_task(consume())
        await reach("live", statuses)
        task.cancel()
        await reach("idle", statuses)
        for _ in range(2):
            async for event in ada.chat(id).events(after=0):
                assert event.get("seq") == 1
                break
            await reach("idle", statuses)


async def test_a_rejected_message_waits_for_the_user_and_the_queue_continues(server: ChatServer) -> None:
    async with client(server) as ada:
        chat = ada.chat(await chat_of(ada))
        bad, good = chat.send(" "), chat.send("good")
        with pytest.raises(ChatError) as caught:
            await bad.wait()
        assert (caught.value.code, caught.value.status) == ("validation_failed", 422)
        await good.wait()
        assert chat.pending == [bad]
        chat.retry(bad)
        with pytest.raises(ChatError):
            await bad.wait()
        chat.discard(bad)
        assert chat.pending == []


async def test_a_bot_that_may_post_again_answers_what_it_could_not(server: ChatServer) -> None:
    store = MemoryStore()
    async with client(server) as ada:
        id = await chat_of(ada)
        async with client(server, token=server.callback("bot"), store=store) as bot:
            with pytest.raises(ChatError, match="404 chat_not_found"):
                await bot.chat(id).send("Hello", key="answer-1").wait()
        await ada.chat(id).add_members(["bot"])
        # It is started again, and handles the event again.
        async with client(server, token=server.callback("bot"), store=store) as bot, asyncio.timeout(20):
            assert (await bot.chat(id).send("Hello", key="answer-1").wait())["text"] == "Hello"
            assert bot.chat(id).pending == []


async def test_unsent_messages_are_left_to_the_next_client_when_one_is_closed(
    server: ChatServer, caplog: pytest.LogCaptureFixture
) -> None:
    store = MemoryStore()
    async with client(server, store=store) as ada:
        chat = ada.chat(await chat_of(ada))
        server.kill()
        messages = [chat.send("one"), chat.send("two")]
        waits = [asyncio.create_task(pending.wait()) for pending in messages]
        await asyncio.sleep(0.05)
    async with asyncio.timeout(20):
        errors = await asyncio.gather(*waits, return_exceptions=True)
        with pytest.raises(ChatError, match="client_closed"):
            await messages[0].wait()
    assert [error.code for error in errors if isinstance(error, ChatError)] == ["client_closed"] * 2
    assert [pending.status for pending in messages] == ["pending"] * 2
    for late in (chat, ada.chat(chat.id + 1)):
        with pytest.raises(ChatError, match="client_closed"):
            late.send("three")
    server.start()
    async with client(server, store=store) as next_client, asyncio.timeout(20):
        restored = next_client.chat(chat.id).pending
        assert [(await pending.wait())["text"] for pending in restored] == ["one", "two"]
    del waits
    gc.collect()
    assert [record for record in caplog.records if record.name == "asyncio"] == []


async def test_a_read_on_its_way_ends_when_the_client_is_closed(
    server: ChatServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with client(server) as ada:
        await ada.me()
        server.signal(signal.SIGSTOP)
        read = asyncio.create_task(ada.me())
        await asyncio.sleep(0.05)
    server.signal(signal.SIGCONT)
    with pytest.raises(ChatError, match="client_closed"):
        await read
    assert caplog.messages == []


async def test_a_read_waits_for_the_server_and_a_change_does_not(
    server: ChatServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with client(server) as ada:
        chat = ada.chat(await chat_of(ada))
        message = await chat.send("Hello").wait()
        server.kill()
        read = asyncio.create_task(chat.get())
        with pytest.raises(ChatError, match="network_error"):
            await chat.edit(message["id"], text="Hi")
        await asyncio.sleep(0.3)
        server.start()
        async with asyncio.timeout(20):
            assert [each["text"] for each in (await read)["messages"]] == ["Hello"]
        assert len(caplog.messages) == 1
        assert caplog.messages[0].startswith(f"GET /chats/{chat.id} failed, trying again: network_error: ")


async def test_every_request_does_what_it_says(server: ChatServer) -> None:
    async with client(server) as ada:
        caller = await ada.me()
        assert caller["user"] is not None and caller["user"]["id"] == "ada"
        info = await ada.create_chat("Team", members=["ben"], visibility="open", metadata={"a": 1})
        assert (info["visibility"], info["metadata"]) == ("open", {"a": 1})
        first, second = [await ada.create_chat("Once", key="plan-1") for _ in range(2)]
        assert first["id"] == second["id"]
        assert [user["id"] for user in await ada.users(["ada", "nobody"])] == ["ada"]
        assert (await ada.chats(q="tea", limit=1))["chats"][0]["id"] == info["id"]
        chat = ada.chat(info["id"])
        message = await chat.send("Hello", metadata={"b": 2}).wait()
        reply = await chat.send("Hi", reply_to=message["id"]).wait()
        assert reply["reply_to"] == message["id"]
        edited = await chat.edit(message["id"], metadata=None, revision=1)
        assert (edited["text"], edited["revision"], "metadata" in edited) == ("Hello", 2, False)
        with pytest.raises(ChatError, match="revision_mismatch"):
            await chat.edit(message["id"], text="Hello!", revision=1)
        with pytest.raises(ChatError, match="revision_mismatch"):
            await chat.delete(reply["id"], revision=2)
        await chat.delete(reply["id"], revision=1)
        page = await chat.messages(after=message["seq"])
        assert [each["text"] for each in page["messages"]] == [""]
        assert [each["text"] for each in (await chat.get(limit=5))["messages"]] == ["Hello"]
        assert len((await chat.log(after=2))["entries"]) == (await chat.log())["last_seq"] - 2
        await chat.typing({"state": "thinking"})
        assert (await chat.read(1, back=True))["read_seq"] == 1
        assert await ada.unread() == 0
        assert [member["user_id"] for member in await chat.add_members(["eve"], "reader")] == ["eve"]
        await chat.remove_member("eve")
        members = (await chat.members())["members"]
        assert [(member["user_id"], member["role"]) for member in members] == [("ada", "owner"), ("ben", "member")]
        direct = await ada.direct("ben")
        assert direct["id"] == (await ada.direct("ben"))["id"] != info["id"]


async def test_an_open_server_needs_no_token(tmp_path: Path) -> None:
    server = ChatServer(tmp_path, "--auth=open")
    try:
        async with ChatClient(server.url) as anyone:
            chat = anyone.chat(await chat_of(anyone))
            pending = chat.send("Hello")
            async with aclosing(chat.events(after=0)) as events:
                await until(events, is_text("Hello"))
            assert "author" not in await pending.wait()
    finally:
        server.close()
