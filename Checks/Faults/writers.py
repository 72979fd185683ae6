"""Clients that repeat each post under its Idempotency-Key until it is acknowledged, and the audit of what is stored."""
import collections
import http.client
import itertools
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from Checks.Faults.clusters import DEADLINE, Instance, request, wait
from Checks.Support.server import Server

# How many posts are acknowledged in each phase.
ENOUGH = 100


@dataclass
class Post:
    text: str
    chat: int
    # When it was first sent, when the attempt that was acknowledged was sent, and when that response arrived.
    sent: float = 0
    repeated: float = 0
    acknowledged: float = 0
    message: dict = field(default_factory=dict)

    @property
    def place(self) -> tuple[int, int, int]:
        return self.message["chat_id"], self.message["seq"], self.message["id"]


class Writers:
    """Threads that post until `stop`, each to one chat, and the record of what was acknowledged."""

    def __init__(self, server: Server, writers: int, chats: int, deadline: float = DEADLINE) -> None:
        self.server, self.deadline = server, deadline
        self.acknowledged, self.problems = [], []
        # The error codes of all rejected attempts, and the chats and codes of each.
        self.rejections, self.rejections_by_chat = collections.Counter(), collections.Counter()
        # Attempts without a response, which are problems unless the server is being killed.
        self.broken, self.expects_broken = 0, False
        self.is_over = False
        self.chats = [request(server, "POST", "/chats/", {"title": "faults"})[2]["id"] for _ in range(chats)]
        self.threads = [threading.Thread(target=self.run, args=(number,), daemon=True) for number in range(writers)]
        for thread in self.threads:
            thread.start()

    def run(self, writer: int) -> None:
        chat = self.chats[writer % len(self.chats)]
        try:
            for count in itertools.count(1):
                if self.is_over:
                    return
                self.deliver(Post(f"{writer}-{count}", chat))
        except (OSError, http.client.HTTPException) as error:
            self.problems.append(f"writer {writer} ended: {error!r}")

    def deliver(self, post: Post) -> None:
        post.sent = time.monotonic()
        while time.monotonic() < post.sent + self.deadline:
            post.repeated = time.monotonic()
            try:
                status, _, answer = request(
                    self.server, "POST", f"/chats/{post.chat}/messages/", {"text": post.text},
                    {"Idempotency-Key": post.text},
                )
            except (OSError, http.client.HTTPException):
                if not self.expects_broken:
                    raise
                self.broken += 1
                time.sleep(0.02)
                continue
            if status in (200, 201):
                post.acknowledged, post.message = time.monotonic(), answer
                self.acknowledged.append(post)
                return
            self.rejections[answer["code"]] += 1
            self.rejections_by_chat[post.chat, answer["code"]] += 1
            if status != 503:
                self.problems.append(f"{post.text}: {status} {answer}")
                return
            time.sleep(0.02)
        self.problems.append(f"{post.text} is not acknowledged: {list(self.server.last_lines)[-3:]}")

    def wait_for_more(self) -> None:
        goal = len(self.acknowledged) + ENOUGH
        self.problems += wait(f"{ENOUGH} more acknowledgements", lambda: len(self.acknowledged) >= goal, self.deadline)

    def wait_for_each(self, chats: Iterable[int], count: int = 3) -> None:
        """Waits until each of the chats has more acknowledged posts that were sent from now on."""
        now, missing = time.monotonic(), set(chats)

        def is_complete() -> bool:
            sent = collections.Counter(post.chat for post in list(self.acknowledged) if post.repeated > now)
            missing.difference_update([chat for chat in missing if sent[chat] >= count])
            return not missing

        if wait("acknowledgements", is_complete, self.deadline):
            self.problems.append(f"waited in vain for acknowledgements in the chats {sorted(missing)}")

    def wait_for_unknown_outcome(self) -> None:
        earlier = self.rejections["outcome_unknown"]
        self.problems += wait("a commit without an answer", lambda: self.rejections["outcome_unknown"] > earlier)

    def stop(self) -> None:
        """Ends the threads once each has delivered its last post."""
        self.is_over = True
        for thread in self.threads:
            thread.join()

    def audit(self, database: Instance) -> tuple[list[str], list[Post]]:
        """Compares with the chats in a database, and prints what it counts.

        Returns the problems, and the acknowledged posts that are lost.
        """
        chats = f"ANY ('{{{','.join(map(str, self.chats))}}}')"
        rows = [row.split("|") for row in database.sql(
            f"SELECT text, chat_id, seq, id FROM messages WHERE chat_id = {chats} ORDER BY chat_id, seq", "chat",
        ).splitlines()]
        heads = [row.split("|") for row in database.sql(
            f"SELECT id, last_seq FROM chats WHERE id = {chats}", "chat").splitlines()]
        stored = {text: tuple(map(int, place)) for text, *place in rows}
        problems = []
        if len(stored) < len(rows):
            problems.append(f"{len(rows) - len(stored)} posts are stored twice")
        positions = collections.defaultdict(list)
        for _, chat, seq, _ in rows:
            positions[int(chat)].append(int(seq))
        expected = {int(chat): list(range(1, int(last) + 1)) for chat, last in heads}
        if gaps := [chat for chat in self.chats if positions[chat] != expected.get(chat)]:
            problems.append(f"the positions are not 1 to n in {gaps}")

        posts = self.acknowledged
        problems += [f"{post.text} is elsewhere" for post in posts if stored.get(post.text, post.place) != post.place]
        lost = [post for post in posts if post.text not in stored]
        times = sorted(post.acknowledged for post in posts)
        pause = max(later - earlier for earlier, later in itertools.pairwise(times))
        failed = self.rejections.total() + self.broken
        print(f"  {len(posts)} acknowledged, {len(lost)} of them lost, {failed} attempts failed, "
              f"a pause of {pause:.1f} s", flush=True)
        return problems, lost
