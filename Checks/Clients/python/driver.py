"""Runs the Python client for the scenarios: reads commands from stdin and writes events to stdout, as JSON lines."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3] / "clients/python/src"))

from chat_api_client import Chat, ChatClient, ChatError, FileStore, Pending


def emit(event: str, **fields: Any) -> None:
    present = {name: value for name, value in fields.items() if value is not None}
    print(json.dumps({"event": event, **present}), flush=True)


def emit_message(pending: Pending) -> None:
    emit(
        "message",
        chat=pending.chat_id,
        key=pending.key,
        status=pending.status,
        seq=pending.message["seq"] if pending.message else None,
        code=pending.error.code if pending.error else None,
    )


class Driver:
    def __init__(self) -> None:
        self.answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.iterations: dict[int | str, asyncio.Task[None]] = {}
        # What each reply still has to write; None at its end.
        self.pieces: dict[str, asyncio.Queue[str | None]] = {}
        self.replies: set[asyncio.Task[None]] = set()

    async def run(self, commands: asyncio.StreamReader) -> None:
        start = json.loads(await commands.readline())
        client = ChatClient(
            start["url"],
            token=self.token,
            store=FileStore(start["store"]),
            min_delay=start["min_delay"],
            max_delay=start["max_delay"],
            on_status=lambda status: emit("status", status=status),
            on_pending=emit_message,
        )
        emit("started")
        async with client:
            async for line in commands:
                command = json.loads(line)
                if command["do"] == "stop":
                    break
                await self.obey(client, command)

    async def token(self) -> str | None:
        emit("token_needed")
        answer = await self.answers.get()
        if "error" in answer:
            raise RuntimeError(answer["error"])
        token: str | None = answer["token"]
        return token

    async def obey(self, client: ChatClient, command: dict[str, Any]) -> None:
        chat = client.chat(command.get("chat", 0))
        # Seconds for which the consumer handles each event.
        slow = command.get("slow", 0)
        match command["do"]:
            case "token":
                self.answers.put_nowait(command)
            case "follow":
                self.iterations[chat.id] = asyncio.create_task(self.follow(client, chat.id, command.get("after"), slow))
                # A task that is canceled before its first turn never starts.
                await asyncio.sleep(0)
            case "unfollow":
                self.iterations[chat.id].cancel()
                await asyncio.wait([self.iterations[chat.id]])
            case "inbox":
                self.iterations["inbox"] = asyncio.create_task(self.inbox(client, slow))
            case "send":
                chat.send(command["text"], key=command.get("key"))
            case "retry":
                chat.retry(next(pending for pending in chat.pending if pending.key == command["key"]))
            case "discard":
                chat.discard(next(pending for pending in chat.pending if pending.key == command["key"]))
            case "reply":
                self.pieces[command["key"]] = asyncio.Queue()
                self.replies.add(asyncio.create_task(self.reply(chat, command["key"])))
            case "append":
                self.pieces[command["key"]].put_nowait(command["text"])
            case "finish":
                self.pieces[command["key"]].put_nowait(None)
            case "pending":
                emit("pending", chat=chat.id, keys=[pending.key for pending in chat.pending])
            case "online":
                client.network_restored()
            case unknown:
                raise ValueError(f"unknown command {unknown}")

    async def follow(self, client: ChatClient, chat: int, after: int | str | None, slow: float) -> None:
        async for event in client.chat(chat).events(after=after):
            emit("entry", chat=chat, data=event)
            await asyncio.sleep(slow)
        emit("ended", chat=chat)

    async def reply(self, chat: Chat, key: str) -> None:
        reply = chat.reply(key=key)
        try:
            async with reply:
                while (text := await self.pieces[key].get()) is not None:
                    await reply.write(text)
            emit("reply", key=key, id=reply.message["id"], state=reply.message.get("state"))
        except ChatError as error:
            emit("reply", key=key, id=0, code=error.code)

    async def inbox(self, client: ChatClient, slow: float) -> None:
        async for line in client.inbox():
            emit("inbox", data=line)
            await asyncio.sleep(slow)


async def main() -> None:
    commands = asyncio.StreamReader(limit=2**20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    await Driver().run(commands)


asyncio.run(main())
