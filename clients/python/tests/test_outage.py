import pytest

from chat_api_client import ChatError
from chat_api_client.outage import Outage


def test_a_reason_is_logged_once_until_an_attempt_succeeds(caplog: pytest.LogCaptureFixture) -> None:
    unreachable = ChatError("network_error", "no route")
    revoked = ChatError("token_invalid", "The token was revoked", status=401)
    outage = Outage()
    for error in (unreachable, unreachable, revoked, unreachable, revoked):
        outage.note("offline", error)
    network, token = [
        "offline, trying again: network_error: no route",
        "offline, trying again: 401 token_invalid: The token was revoked",
    ]
    assert caplog.messages == [network, token]
    outage.end()
    outage.note("offline", unreachable)
    assert caplog.messages == [network, token, network]
    assert {(record.name, record.levelname) for record in caplog.records} == {("chat_api_client", "WARNING")}
