import pytest

from chat_api_client.lines import Lines


def test_objects_are_found_however_the_bytes_are_cut() -> None:
    stream = b'{"type":"hello"}\n\n{"type":"typing","metadata":{"name":"J\xc3\xb6rg"}}\n{"type":"caught_up"}\n'
    expected = [{"type": "hello"}, {"type": "typing", "metadata": {"name": "Jörg"}}, {"type": "caught_up"}]
    for size in range(1, len(stream) + 1):
        lines = Lines()
        chunks = [stream[start : start + size] for start in range(0, len(stream), size)]
        assert [value for chunk in chunks for value in lines.feed(chunk)] == expected


def test_empty_lines_are_heartbeats() -> None:
    assert Lines().feed(b"\n\r\n\n") == []


def test_an_incomplete_line_waits_for_its_rest() -> None:
    lines = Lines()
    assert lines.feed(b'{"type":"reco') == []
    assert lines.feed(b'nnect"}') == []
    assert lines.feed(b"\n") == [{"type": "reconnect"}]


@pytest.mark.parametrize("line", [b"<html>\n", b"[1]\n", b'{"seq":1}\n', b"\xff\n"])
def test_a_line_that_is_no_event_is_an_error(line: bytes) -> None:
    with pytest.raises(ValueError):
        Lines().feed(line)
