import asyncio
from typing import cast

from chat_api_client import ChatError, Message, Pending
from chat_api_client.outbox import Outbox


def message(key: str) -> Message:
    return cast(Message, {"id": 1, "seq": 1, "text": key})


def outbox(*keys: str) -> tuple[Outbox, list[Pending]]:
    messages = [Pending(7, f"text of {key}", key=key) for key in keys]
    outbox = Outbox()
    for pending in messages:
        outbox.add(pending)
    return outbox, messages


def test_messages_are_sent_in_order_and_a_failure_does_not_hold_up_the_next() -> None:
    box, (first, second) = outbox("k1", "k2")
    assert box.next() is first
    box.fail("k1", ChatError("validation_failed", "too long", status=422))
    assert box.next() is second
    assert box.remove("k2") is second
    assert box.next() is None
    assert first.status == "failed"
    assert list(box) == [first]


def test_a_message_is_removed_once_whether_the_response_or_the_stream_comes_first() -> None:
    box, (pending,) = outbox("k1")
    assert box.remove("k1") is pending
    assert box.remove("k1") is None
    assert box.fail("k1", ChatError("network_error", "late")) is None
    assert pending.status == "pending"


def test_a_failed_message_is_queued_again_after_the_others_with_its_key() -> None:
    box, (first, second) = outbox("k1", "k2")
    assert not box.retry(first)
    box.fail("k1", ChatError("forbidden", "slow mode", status=403))
    assert box.retry(first)
    assert box.next() is second
    assert (first.key, first.status, first.error) == ("k1", "pending", None)
    assert list(box) == [second, first]


def test_a_message_whose_key_was_used_gets_another_one() -> None:
    box, (first,) = outbox("k1")
    box.fail("k1", ChatError("idempotency_key_reused", "used", status=422))
    assert box.retry(first)
    assert first.key != "k1"
    assert box.remove(first.key) is first


def test_the_same_message_with_the_same_key_is_queued_once() -> None:
    box, (first,) = outbox("k1")
    assert box.add(Pending(7, "text of k1", key="k1")) is first
    other = box.add(Pending(7, "other", key="k1"))
    assert (other.status, other.error and other.error.code) == ("failed", "idempotency_key_reused")
    assert not box.retry(other) and not box.discard(other)
    assert list(box) == [first]


def test_an_unsent_message_is_restored_as_it_was() -> None:
    pending = Pending(7, "Hi", key="k1", reply_to=3, metadata={"mood": "good"})
    restored = Pending.from_json(pending.to_json())
    assert (restored.chat_id, restored.key, restored.status) == (7, "k1", "pending")
    assert restored.body() == {"text": "Hi", "reply_to": 3, "metadata": {"mood": "good"}}
    pending.fail(ChatError("forbidden", "no", status=403, request_id="r1"))
    failed = Pending.from_json(pending.to_json())
    assert failed.status == "failed" and failed.error is not None
    assert (failed.error.code, failed.error.status, failed.error.request_id) == ("forbidden", 403, "r1")


async def test_waiting_ends_with_the_message_or_the_error() -> None:
    box, (sent, failed, discarded) = outbox("k1", "k2", "k3")
    waits = [asyncio.create_task(pending.wait()) for pending in (sent, failed, discarded)]
    await asyncio.sleep(0)
    sent.settle(message("k1"))
    box.fail("k2", ChatError("forbidden", "no", status=403))
    assert box.discard(discarded) and not box.discard(discarded)
    first, second, third = await asyncio.gather(*waits, return_exceptions=True)
    assert first == message("k1")
    assert isinstance(second, ChatError) and second.code == "forbidden"
    assert isinstance(third, ChatError) and third.code == "discarded"
    assert list(box) == [sent, failed]
