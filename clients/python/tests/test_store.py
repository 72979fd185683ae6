import json
from pathlib import Path

from chat_api_client import FileStore, MemoryStore, Store


async def test_both_stores_keep_replace_and_remove(tmp_path: Path) -> None:
    stores: list[Store] = [MemoryStore(), FileStore(tmp_path / "store.json")]
    for store in stores:
        assert await store.get("a") is None
        await store.set("a", "1")
        await store.set("b", "2")
        await store.set("a", "3")
        await store.set("b", None)
        await store.set("c", None)
        assert [await store.get(name) for name in "abc"] == ["3", None, None]


async def test_a_file_outlasts_its_store(tmp_path: Path) -> None:
    path = tmp_path / "store.json"
    await FileStore(path).set("position/7", "7f3c9a01.91")
    assert await FileStore(path).get("position/7") == "7f3c9a01.91"
    assert json.loads(path.read_text()) == {"position/7": "7f3c9a01.91"}
    assert list(tmp_path.iterdir()) == [path]
