import pytest

from chat_api_client.place import Place


def test_a_position_is_a_number_perhaps_with_its_epoch() -> None:
    assert Place.parse(17) == Place.parse("17") == Place(17)
    assert Place.parse("7f3c9a01.17") == Place(17, "7f3c9a01")
    assert [str(Place(17)), str(Place(17, "7f3c9a01"))] == ["17", "7f3c9a01.17"]


@pytest.mark.parametrize("text", ["", "-1", ".17", "7f3c9a01.", "17,8:0", "a.b.1", -1])
def test_anything_else_is_an_error(text: int | str) -> None:
    with pytest.raises(ValueError):
        Place.parse(text)
