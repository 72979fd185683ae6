import asyncio

import pytest

from chat_api_client import MemoryStore, Pending
from chat_api_client.outboxes import NAME, Outboxes


class SlowStore(MemoryStore):
    """Saves when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.saves: list[asyncio.Future[None]] = []

    async def set(self, name: str, value: str | None) -> None:
        self.saves.append(asyncio.get_running_loop().create_future())
        await self.saves[-1]
        await super().set(name, value)


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_change_is_reported_once_it_is_in_the_store() -> None:
    store, reports = SlowStore(), []
    outboxes = Outboxes(store)
    outboxes[7].add(Pending(7, "Hello", key="k1"))
    outboxes.changed(lambda: reports.append("first"))
    await turns()
    outboxes[8].add(Pending(8, "Hi", key="k2"))
    outboxes.changed(lambda: reports.append("second"))
    await turns()
    assert reports == []
    store.saves[0].set_result(None)
    await turns()
    assert reports == ["first"]
    store.saves[1].set_result(None)
    await outboxes.close()
    assert reports == ["first", "second"]
    restored = Outboxes(store)
    assert await restored.load() == [7, 8]
    assert [pending.key for pending in restored[8]] == ["k2"]


async def test_nobody_is_told_that_the_store_has_a_state_that_is_still_being_saved() -> None:
    store = SlowStore()
    outboxes = Outboxes(store)
    outboxes[7].add(Pending(7, "Hello", key="k1"))
    outboxes.changed()
    await turns()
    save = asyncio.create_task(outboxes.save())
    await turns()
    assert not save.done()
    store.saves[0].set_result(None)
    await save
    assert len(store.saves) == 1


async def test_many_changes_in_one_turn_are_saved_once_and_nothing_is_kept_of_an_empty_outbox() -> None:
    store = SlowStore()
    outboxes = Outboxes(store)
    for number in range(10):
        outboxes[7].add(Pending(7, "Hello", key=str(number)))
        outboxes.changed()
    for number in range(10):
        outboxes[7].remove(str(number))
        outboxes.changed()
    await turns()
    assert len(store.saves) == 1
    store.saves[0].set_result(None)
    await outboxes.close()
    assert await store.get(NAME) is None


async def test_a_store_that_fails_holds_nothing_up_and_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    store, reports = SlowStore(), []
    outboxes = Outboxes(store)
    outboxes[7].add(Pending(7, "Hello", key="k1"))
    outboxes.changed(lambda: reports.append("reported"))
    await turns()
    store.saves[0].set_exception(OSError("the disk is full"))
    await turns()
    assert reports == ["reported"]
    assert "the disk is full" in caplog.text
    save = asyncio.create_task(outboxes.save())
    await turns()
    store.saves[1].set_result(None)
    await save
    assert "k1" in (await store.get(NAME) or "")
