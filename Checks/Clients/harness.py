"""Runs a scenario: its clients, its steps, and the wait until everything has settled."""
import asyncio
import itertools
import pathlib
import random
import time

from Checks.Clients import audit
from Checks.Clients.backend import Backend
from Checks.Clients.client import Client, Feed, Message, Renewal, Reply
from Checks.Clients.proxy import Network

OTHER = "other"
# The author of texts that no message may have.
REFUSED = "refused"
TOO_LONG = 5_001
SHOWN_ERRORS = 15


class Unmet(Exception):
    """An expectation was not met in time."""


class Run:
    """One run of a scenario. Chats are named 1, 2, … in a scenario; here, they have their ids."""

    numbers = itertools.count(1)

    def __init__(
        self, scenario: dict, backend: Backend, command: list[str], folder: pathlib.Path, seed: int,
        patience: float,
    ) -> None:
        self.scenario, self.backend = scenario, backend
        # The seconds that one expectation, and settling, may take.
        self.patience = patience
        self.moments = random.Random(seed)
        self.start = time.monotonic()
        self.events: list[str] = []
        # Users are the database's, which many runs share.
        suffix = f"{next(self.numbers)}"
        self.other = f"{OTHER}-{suffix}"
        self.clients = {
            name: Client(
                name, f"{name}-{suffix}", command, folder,
                Network(lambda: backend.port, self.moments, lambda text, name=name: self.trace(f"{name}: {text}")),
                self.moments, self.trace, patience,
            )
            for name in scenario["clients"]
        }
        self.chats: list[int] = []
        self.logs: dict[int, list[dict]] = {}
        # Current and former members, as (user, chat).
        self.members: set[tuple[str, int]] = set()
        self.departed: set[tuple[str, int]] = set()
        self.texts = 0
        self.tasks: set[asyncio.Task] = set()

    def trace(self, text: str) -> None:
        self.events.append(f"{time.monotonic() - self.start:7.3f}  {text}")

    async def perform(self) -> list[str]:
        """Returns the problems."""
        try:
            await self._prepare()
            for step in self.scenario["steps"]:
                self.trace(f"step {step}")
                await self._step(**step)
            await self._heal()
            await self._settle()
            for client in self.clients.values():
                await client.stop()
            await self._read_logs(afresh=True)
            problems = audit.violations(self) + await audit.omissions(self)
            await self.backend.stop()
            return problems + self.backend.failures
        except (Unmet, RuntimeError, OSError) as error:
            return audit.violations(self) + [str(error)]
        finally:
            await self._close()

    async def _prepare(self) -> None:
        await self.backend.start()
        users = [client.user for client in self.clients.values()] + [self.other]
        for number in range(self.scenario.get("chats", 1)):
            chat = await self.backend.request("POST", "/chats/", {"title": f"Chat {number + 1}", "members": users})
            self.chats.append(chat["id"])
            self.logs[chat["id"]] = []
        self.members = {(user, chat) for user in users for chat in self.chats}
        for client in self.clients.values():
            await client.network.become("fine")
            client.on_event = lambda chat, event, client=client: self._react(client, chat, event)
        for step in self.scenario.get("before", []):
            await self._step(**step)
        await self._read_logs()
        for client in self.clients.values():
            await self._start_client(client, is_first=True)

    async def _start_client(self, client: Client, is_first: bool = False) -> None:
        options = self.scenario["clients"][client.name]
        slow = options.get("slow", 0)
        # Counted now, before the driver reports what the last process left in the store.
        handled = {chat: feed.count() for chat, feed in client.feeds.items() if feed.is_wanted}
        await client.start()
        if options.get("inbox", True):
            client.follow_inbox(slow)
        if is_first:
            for number in options.get("follow", range(1, len(self.chats) + 1)):
                self._follow(client, self.chats[number - 1], options.get("after", 0))
            return
        for chat, count in handled.items():
            # The first event of a killed client may not count as handled.
            self._follow(client, chat, client.feeds[chat].last_follow.after if count < 2 else None)
        for reply in client.written.values():
            if reply.report is None:
                client.reply(reply)

    def _follow(self, client: Client, chat: int, after: int | None) -> None:
        slow = self.scenario["clients"][client.name].get("slow", 0)
        client.follow(chat, after, len(self.logs[chat]), slow)

    def _react(self, client: Client, chat: int, event: dict) -> None:
        """Follows a chat again if the user has a role in it again; notes where a client that follows from now on is."""
        feed = client.feeds[chat]
        if feed.has_ended and feed.is_wanted and (client.user, chat) in self.members and client.is_running:
            self._follow(client, chat, None)
        if event.get("type") == "caught_up" and feed.last_follow.ceiling is None:
            self.tasks.add(task := asyncio.create_task(self._find_ceiling(feed, chat)))
            task.add_done_callback(self.tasks.discard)

    async def _find_ceiling(self, feed: Feed, chat: int) -> None:
        follow = feed.last_follow
        try:
            follow.ceiling = (await self.backend.request("GET", f"/chats/{chat}"))["last_seq"]
        except (OSError, RuntimeError, ConnectionError):
            self.trace(f"the end of {chat} is unknown: the server is down")

    # Steps

    async def _step(self, **step) -> None:
        verb, value = next(iter(step.items()))
        options = {name: option for name, option in step.items() if name != verb}
        await getattr(self, f"_do_{verb}")(value, **options)

    def _client(self, name: str | None) -> Client:
        return self.clients[name or next(iter(self.clients))]

    def _networks(self, name: str | None) -> list[Network]:
        return [client.network for client in ([self.clients[name]] if name else self.clients.values())]

    async def _do_send(self, count: int, client: str | None = None, chat: int = 1, invalid: bool = False) -> None:
        sender = self._client(client)
        for _ in range(count):
            text = self._text(sender.name)
            sender.send(Message(f"key-{text}", self.chats[chat - 1], text.ljust(TOO_LONG * invalid, "."), not invalid))

    async def _do_post(self, count: int, chat: int = 1) -> None:
        await self.backend.post(self.chats[chat - 1], [self._text(OTHER) for _ in range(count)], self.other)

    async def _do_reply(self, count: int, client: str | None = None, chat: int = 1) -> None:
        writer = self._client(client)
        for _ in range(count):
            writer.reply(Reply(f"key-{self._text(writer.name)}", self.chats[chat - 1]))

    async def _do_append(self, count: int, client: str | None = None) -> None:
        """Appends pieces to each reply."""
        writer = self._client(client)
        for _ in range(count):
            for reply in writer.written.values():
                writer.append(reply, f"{self._text(writer.name)} 😀 ")

    async def _do_finish(self, name: str) -> None:
        for reply in self.clients[name].written.values():
            self.clients[name].finish(reply)

    def _text(self, author: str) -> str:
        self.texts += 1
        # As long as all others, so that no key is the beginning of another: keys are looked for in the clients' stores.
        return f"{author}-{self.texts:05}"

    async def _do_wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _do_kill(self, name: str, at_once: bool = False) -> None:
        if name == "server":
            await self.backend.kill()
            return
        if not at_once:
            await self.clients[name].store_messages()
        await self.clients[name].kill()

    async def _do_stop(self, name: str) -> None:
        if name == "server":
            await self.backend.stop()
        else:
            await self.clients[name].stop()

    async def _do_start(self, name: str) -> None:
        if name == "server":
            await self.backend.start()
        else:
            await self._start_client(self.clients[name])

    async def _do_freeze(self, name: str) -> None:
        self.clients[name].freeze(True)

    async def _do_thaw(self, name: str) -> None:
        self.clients[name].freeze(False)

    async def _do_network(self, state: str, client: str | None = None) -> None:
        for network in self._networks(client):
            await network.become(state)

    async def _do_delay(self, seconds: float, client: str | None = None) -> None:
        for network in self._networks(client):
            network.faults.delay = seconds

    async def _do_lose(self, count: int, client: str | None = None) -> None:
        for network in self._networks(client):
            network.faults.losses += count

    async def _do_reject(self, status: int, client: str | None = None, times: int = 1, retry_after: int = 0) -> None:
        for network in self._networks(client):
            network.faults.rejections.extend([(status, retry_after)] * times)

    async def _do_tamper(self, kinds: list[str], client: str | None = None) -> None:
        for network in self._networks(client):
            network.faults.tampering.extend(kinds)

    async def _do_token(self, kind: str, client: str | None = None, times: int = 1) -> None:
        self._client(client).token_kinds.extend([kind] * times)

    async def _do_revoke(self, name: str) -> None:
        await self.backend.request("POST", f"/users/{self.clients[name].user}/revoke")

    async def _do_online(self, name: str) -> None:
        self.clients[name].tell(do="online")

    async def _do_follow(self, chat: int, client: str | None = None, after: int | None = None) -> None:
        if self.backend.is_running:
            await self._read_logs()
        self._follow(self._client(client), self.chats[chat - 1], after)

    async def _do_unfollow(self, chat: int, client: str | None = None) -> None:
        self._client(client).unfollow(self.chats[chat - 1])

    async def _do_remove(self, name: str, chat: int = 1) -> None:
        member = (user, id) = self.clients[name].user, self.chats[chat - 1]
        self.members.discard(member)
        self.departed.add(member)
        await self.backend.request("DELETE", f"/chats/{id}/members/{user}")

    async def _do_add(self, name: str, chat: int = 1) -> None:
        client, id = self.clients[name], self.chats[chat - 1]
        await self.backend.request("PUT", f"/chats/{id}/members/{client.user}", {"role": "member"})
        self.members.add((client.user, id))
        if id in client.feeds:
            self._react(client, id, {})

    async def _do_retry(self, name: str) -> None:
        for message in self._failed(name):
            self.clients[name].retry(message)

    async def _do_discard(self, name: str) -> None:
        for message in self._failed(name):
            self.clients[name].discard(message)

    async def _do_send_again(self, name: str) -> None:
        for message in self._failed(name):
            self.clients[name].send(message)

    def _failed(self, name: str) -> list[Message]:
        messages = self.clients[name].messages.values()
        return [message for message in messages if message.status == "failed" and not message.is_discarded]

    async def _do_send_instead(self, name: str) -> None:
        """Sends other texts under the keys of the messages that are not sent; while none of them can be."""
        for message in self.clients[name].messages.values():
            if message.status != "sent":
                self.clients[name].send_instead(message, self._text(REFUSED))

    async def _do_epoch(self, _: str) -> None:
        # Before the server knows of it, and so before any entry of the new epoch.
        for client in self.clients.values():
            for feed in client.feeds.values():
                feed.items.append(Renewal())
        await self.backend.renew_epoch()

    async def _do_expect(self, expected: dict, client: str | None = None) -> None:
        observed = self._client(client)
        measures = {
            "sent": lambda: sum(message.status == "sent" for message in observed.messages.values()),
            "failed": lambda: sum(message.status == "failed" for message in observed.messages.values()),
            "pending": lambda: sum(not message.is_settled for message in observed.messages.values()),
            "entries": lambda: sum("seq" in item for feed in observed.feeds.values() for item in feed.events),
            "pieces": lambda: sum(
                item["type"] == "message.appended" for feed in observed.feeds.values() for item in feed.events
            ),
            "finished": lambda: sum(reply.report is not None for reply in observed.written.values()),
            "resets": lambda: sum(item["type"] == "reset" for feed in observed.feeds.values() for item in feed.events),
            "ended": lambda: sum(feed.has_ended for feed in observed.feeds.values()),
            "tokens": lambda: observed.token_requests,
            "status": lambda: observed.status,
        }
        deadline = time.monotonic() + self.patience
        while unmet := {
            name: found for name, value in expected.items()
            if (found := measures[name]()) != value and not (isinstance(value, int) and found > value)
        }:
            if time.monotonic() > deadline:
                raise Unmet(f"{observed.name}: expected {expected}, got {unmet}")
            await asyncio.sleep(0.005)

    # The end

    async def _heal(self) -> None:
        """Ends all faults, and posts to each chat, so that a client learns of an entry that it missed.

        Before that, clients that follow from now on must know where that is.
        """
        self.trace("faults end")
        if not self.backend.is_running:
            await self.backend.start()
        for client in self.clients.values():
            client.network.faults = type(client.network.faults)()
            await client.network.become("fine")
            if not client.is_running:
                await self._start_client(client)
            if client.is_frozen:
                client.freeze(False)
        for client in self.clients.values():
            deadline = time.monotonic() + self.patience
            # Its chats may still end, if the user has left them.
            while client.follows_anything and client.status != "live":
                if time.monotonic() > deadline:
                    raise Unmet(f"{client.name}: is still {client.status}")
                await asyncio.sleep(0.005)
        for chat in self.chats:
            await self._do_post(1, self.chats.index(chat) + 1)

    async def _settle(self) -> None:
        deadline = time.monotonic() + self.patience
        while True:
            await self._read_logs()
            for client in self.clients.values():
                for chat in self.chats:
                    client.tell(do="pending", chat=chat)
            omissions = await audit.omissions(self)
            if audit.violations(self) or not omissions:
                return
            if time.monotonic() > deadline:
                raise Unmet(f"did not settle in {self.patience:.0f} s: {'; '.join(omissions[:3])}")
            await asyncio.sleep(0.05)

    async def _read_logs(self, afresh: bool = False) -> None:
        for chat, log in self.logs.items():
            self.logs[chat] = await self.backend.log(chat, [] if afresh else log)

    async def _close(self) -> None:
        for client in self.clients.values():
            client.network.close()
            if client.is_running:
                await client.kill()
            if errors := client.errors.exists() and client.errors.read_text().splitlines():
                self.trace("\n".join([f"{client.name} wrote to stderr:", *errors[-SHOWN_ERRORS:]]))
        for task in self.tasks:
            task.cancel()
        if self.backend.is_running:
            await self.backend.kill()

