"""Floods a server as one client, and measures whether the others notice.

    python3 -m Checks.Limits [--seconds N] [--rate N] [--database URL]

While one user floods it with posts, reads and typing events, over HTTP and over a WebSocket, and one address with
connections and forged tokens, 20 other users post and read at a rate that they may. All of their requests must succeed,
and most of the flood must be refused. The 99th percentile of their latency is printed, and its ratio to the one without
a flood. The aim is 1.2 as long as the flood leaves a processor free, which no limit can ensure. Uses only the standard
library; ends with a line `N passed, M failed`.
"""
import argparse
import asyncio
import http.client
import secrets
import sys
import time
from dataclasses import dataclass, field

from Checks.Limits.client import Connection
from Checks.Limits.flood import FLOODS, flood
from Checks.Support.server import BINARY, Server, exchange, sign_token
from Checks.Support.tally import Tally

USERS = 20
# Of 20 posts in 10 seconds, and of 200 reads: each user sends five reads and one post in this time.
ROUND = 0.7
AIM = 1.2


@dataclass
class Others:
    """The users who do not flood."""
    connections: list[Connection]
    latencies: list[float] = field(default_factory=list)
    failures: list[tuple[str, int]] = field(default_factory=list)

    async def _request(self, connection: Connection, method: str, path: str, body: dict | None, expected: int) -> None:
        start = time.monotonic()
        status = await connection.request(method, path, body)
        self.latencies.append(time.monotonic() - start)
        if status != expected:
            self.failures.append((f"{method} {path}", status))

    async def _run(self, connection: Connection, start: float, end: float) -> None:
        while start < end:
            await asyncio.sleep(start - time.monotonic())
            await self._request(connection, "POST", "/chats/1/messages/", {"text": "hello"}, 201)
            for _ in range(5):
                await self._request(connection, "GET", "/chats/1?limit=5", None, 200)
            start += ROUND

    def run(self, seconds: float, loop: asyncio.AbstractEventLoop) -> float:
        """Sends requests and returns the 99th percentile of their latency in seconds."""
        self.latencies.clear()

        async def run_all() -> None:
            now = time.monotonic()
            starts = [now + ROUND * number / len(self.connections) for number in range(len(self.connections))]
            await asyncio.gather(
                *(self._run(connection, start, now + seconds) for connection, start in zip(self.connections, starts)),
            )

        loop.run_until_complete(run_all())
        return sorted(self.latencies)[int(len(self.latencies) * 0.99)]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rate", type=float, default=1_000, help="of the flood, per second (default: %(default)s)")
    parser.add_argument("--database", default="sqlite::memory:")
    options = parser.parse_args()
    environment = {"CHAT_JWT_SECRET": secrets.token_hex(32), "CHAT_LIMITS": "on", "CHAT_MIGRATE": "true"}
    server = Server(
        BINARY, "serve", "--port=0", f"--database-url={options.database}", "--log-level=notice", environment=environment,
    )
    loop = asyncio.new_event_loop()
    tally = Tally()
    try:
        names = [f"user{number}" for number in range(USERS)]
        tokens = {name: sign_token(environment, "--user", name) for name in [*names, "flood"]}
        _create_chat(server.port, tokens["user0"], [*names[1:], "flood"])
        others = Others([Connection(server.port, tokens[name]) for name in names])
        others.run(1, loop)
        for kind in FLOODS:
            # Their quotas are full again.
            time.sleep(0.5)
            before = others.run(options.seconds, loop)
            with flood(kind, server.port, tokens["flood"], options.seconds, options.rate) as received:
                during = others.run(options.seconds, loop)
            statuses = received[0]
            refused = statuses[429] / max(sum(statuses.values()), 1)
            print(
                f"{kind}: {sum(statuses.values()) / options.seconds:.0f} a second, {refused:.1%} refused; others' p99 "
                f"{before * 1000:.1f} ms before, {during * 1000:.1f} ms meanwhile, ratio {during / before:.2f} (aim {AIM})",
            )
            problems = [f"{request} of another user got {status}" for request, status in others.failures]
            if refused < 0.5:
                problems.append(f"the flood was not refused: {dict(statuses)}")
            others.failures.clear()
            tally.add(kind, problems[:5])
    finally:
        status = server.stop()
    tally.add("the server's exit status", status)
    return tally.finish()


def _create_chat(port: int, token: str, members: list[str]) -> None:
    status, _, answer = exchange(
        http.client.HTTPConnection("127.0.0.1", port), "POST", "/chats/", {"title": "chat", "members": members},
        {"Authorization": f"Bearer {token}"},
    )
    assert status == 201 and answer["id"] == 1, answer


if __name__ == "__main__":
    sys.exit(main())
