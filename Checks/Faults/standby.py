"""Lets a standby take over from its primary under load, and audits what became of the acknowledged posts.

    python3 -m Checks.Faults.standby

A server has a primary and its standby in its URL, and writers repeat each post under its Idempotency-Key until it is
acknowledged. The standby is promoted after the primary was killed (synchronous replication, also with commits whose
wait was cancelled; asynchronous replication that had stalled), after it was stopped cleanly, or while it still runs.
Nothing acknowledged may be lost, except with asynchronous replication, which loses exactly what the standby had not
received. No post may be stored twice, positions are 1 to n, and the epoch changes. Uses only the standard library and
PostgreSQL's programs; ends with a line `N passed, M failed`.
"""
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from Checks.Faults.clusters import Cluster, report, request, wait
from Checks.Faults.writers import Post, Writers
from Checks.Support.server import Server, chat_api

CHATS, WRITERS = 3, 6


@dataclass
class Takeover:
    """How the standby took over."""
    # When it began to accept writes.
    at: float
    # The last position of each chat that it had received, if it may lack some.
    received: dict[int, int] | None = None


@dataclass
class Service:
    """A server that has a primary and its standby in its URL."""
    primary: Cluster
    standby: Cluster
    server: Server
    writers: Writers

    def kill(self) -> Takeover:
        self.primary.kill()
        return self.promote()

    def promote(self) -> Takeover:
        self.standby.promote()
        return Takeover(at=time.monotonic())

    def stall_and_kill(self) -> Takeover:
        """Kills the primary after it has acknowledged posts that it does not send to the standby."""
        self.stall()
        self.writers.wait_for_more()
        self.primary.kill()
        # The server must not write before the check has seen what the standby had received.
        self.server.process.send_signal(signal.SIGSTOP)
        takeover = self.promote()
        heads = self.standby.sql("SELECT id, last_seq FROM chats", "chat").splitlines()
        takeover.received = dict(map(int, head.split("|")) for head in heads)
        self.server.process.send_signal(signal.SIGCONT)
        return takeover

    def cancel_and_kill(self) -> Takeover:
        """Kills the primary after commits whose wait for the standby was cancelled."""
        self.stall()
        # A commit's wait, and the wait of the transaction that looks for what became of it.
        for _ in range(20):
            self.writers.problems += wait("a commit that waits for the standby", self.cancel_commits)
            time.sleep(0.05)
        self.primary.kill()
        return self.promote()

    def cancel_commits(self) -> bool:
        """Cancels the commits that wait for the standby; false if there are none."""
        return bool(self.primary.sql(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"))

    def stall(self) -> None:
        """Keeps the primary from sending the standby anything more."""
        sender = int(self.primary.sql("SELECT pid FROM pg_stat_replication"))
        os.kill(sender, signal.SIGSTOP)

    def stop(self) -> Takeover:
        """Stops the primary, which sends the standby everything first."""
        self.primary.stop("fast")
        return self.promote()

    def leave_behind(self) -> Takeover:
        """Kills the primary only after it has failed to commit without its standby."""
        takeover = self.promote()
        self.writers.wait_for_unknown_outcome()
        self.primary.kill()
        return takeover


def check(folder: Path, take_over: Callable[[Service], Takeover], **settings: str) -> list[str]:
    started = []
    try:
        primary = Cluster(folder)
        started.append(primary.stop)
        primary.sql("CREATE DATABASE chat")
        standby = Cluster(folder, primary)
        started.append(standby.stop)
        primary.set(**settings)
        state = "sync" if "synchronous_standby_names" in settings else "async"
        problems = wait("the standby", lambda: primary.sql("SELECT sync_state FROM pg_stat_replication") == state)
        # A short timeout, so that the server soon gives up a commit that waits for a standby.
        server = chat_api(f"postgresql://postgres@127.0.0.1:{primary.port},127.0.0.1:{standby.port}/chat",
                          "--migrate", "--statement-timeout=1", "--log-level=notice")
        started.append(server.kill)
        writers = Writers(server, WRITERS, CHATS)
        service = Service(primary, standby, server, writers)
        writers.wait_for_more()
        epoch = epoch_of(service)
        takeover = take_over(service)
        writers.wait_for_more()
        writers.stop()
        return problems + writers.problems + audit_epoch(service, epoch) + audit(service, takeover)
    finally:
        for stop in reversed(started):
            stop()


def epoch_of(service: Service) -> str:
    return request(service.server, "GET", f"/chats/{service.writers.chats[0]}/log")[2]["epoch"]


def audit_epoch(service: Service, old: str) -> list[str]:
    """Clients must be told that the positions they know may be those of other messages."""
    new = epoch_of(service)
    status, _, answer = request(service.server, "GET", f"/chats/{service.writers.chats[0]}/log?after={old}.1")
    is_told = new != old and (status, answer.get("code")) == (409, "epoch_changed")
    return [] if is_told else [f"the epoch was {old} and is {new}; a position of the old one gets {status} {answer}"]


def audit(service: Service, takeover: Takeover) -> list[str]:
    problems, lost = service.writers.audit(service.standby)
    if takeover.received:
        stored = [post for post in service.writers.acknowledged if post not in lost]
        problems += audit_loss(lost, stored, takeover)
    elif lost:
        problems.append(f"{len(lost)} acknowledged posts are lost")
    return problems


def audit_loss(lost: list[Post], stored: list[Post], takeover: Takeover) -> list[str]:
    """The standby must lack the end of what was acknowledged, and nothing else."""
    def was_received(post: Post) -> bool:
        return post.message["seq"] <= takeover.received[post.chat]

    if not lost:
        return ["nothing is lost: the replication did not stall"]
    problems = [f"{post.text} is lost, but was received" for post in lost if was_received(post)]
    problems += [f"{post.text} is lost, but was sent after the takeover" for post in lost if post.repeated > takeover.at]
    first_lost = min(lost, key=lambda post: post.acknowledged)
    problems += [
        f"{first_lost.text} is lost, but not {post.text}, which was sent after its acknowledgement"
        for post in stored if was_received(post) and post.sent > first_lost.acknowledged
    ]
    return problems


CHECKS = {
    "synchronous, primary killed": partial(
        check, take_over=Service.kill, synchronous_standby_names="*"),
    "synchronous with remote_apply, primary killed": partial(
        check, take_over=Service.kill, synchronous_standby_names="*", synchronous_commit="remote_apply"),
    "synchronous, waits for the standby cancelled, primary killed": partial(
        check, take_over=Service.cancel_and_kill, synchronous_standby_names="*"),
    "synchronous, primary still running": partial(
        check, take_over=Service.leave_behind, synchronous_standby_names="*"),
    "asynchronous, primary stopped first": partial(check, take_over=Service.stop),
    "asynchronous and stalled, primary killed": partial(check, take_over=Service.stall_and_kill),
}

if __name__ == "__main__":
    sys.exit(report(CHECKS))
