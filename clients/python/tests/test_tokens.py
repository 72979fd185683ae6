import asyncio
import base64
import json

import pytest

from chat_api_client.errors import ChatError
from chat_api_client.tokens import Tokens


def jwt(expires: float) -> str:
    parts = [{"alg": "HS256"}, {"sub": "ada", "exp": expires}, {"signature": True}]
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)


class Application:
    """Answers calls when the test says so."""

    def __init__(self) -> None:
        self.calls: list[asyncio.Future[str | None]] = []

    async def token(self) -> str | None:
        self.calls.append(asyncio.get_running_loop().create_future())
        return await self.calls[-1]


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_all_who_wait_share_one_call() -> None:
    application = Application()
    tokens = Tokens(application.token)
    waiting = [asyncio.create_task(tokens.get()) for _ in range(3)]
    await turns()
    application.calls[0].set_result("sk_1")
    assert await asyncio.gather(*waiting) == ["sk_1"] * 3
    assert await tokens.get() == "sk_1"
    assert len(application.calls) == 1


async def test_a_caller_that_gives_up_does_not_disturb_the_others() -> None:
    application = Application()
    tokens = Tokens(application.token)
    impatient, patient = asyncio.create_task(tokens.get()), asyncio.create_task(tokens.get())
    await turns()
    impatient.cancel()
    await turns()
    application.calls[0].set_result("sk_1")
    assert await patient == "sk_1"
    assert len(application.calls) == 1


async def test_a_token_is_renewed_one_minute_before_it_expires() -> None:
    now = 1_000.0
    answers = iter([jwt(2_000), jwt(3_000)])
    calls = 0

    async def fetch() -> str:
        nonlocal calls
        calls += 1
        return next(answers)

    tokens = Tokens(fetch, now=lambda: now)
    assert await tokens.get() == jwt(2_000)
    now = 1_939.9
    assert await tokens.get() == jwt(2_000)
    assert calls == 1
    now = 1_940.0
    assert await tokens.get() == jwt(3_000)
    assert calls == 2


async def test_a_rejected_token_is_replaced_but_a_newer_one_is_kept() -> None:
    answers = iter(["sk_1", "sk_2"])

    async def fetch() -> str:
        return next(answers)

    tokens = Tokens(fetch)
    assert await tokens.get() == "sk_1"
    tokens.reject("sk_1")
    assert await tokens.get() == "sk_2"
    tokens.reject("sk_1")
    assert await tokens.get() == "sk_2"


async def test_a_callback_that_fails_is_called_again_by_the_next_attempt() -> None:
    application = Application()
    tokens = Tokens(application.token)
    attempt = asyncio.create_task(tokens.get())
    await turns()
    application.calls[0].set_exception(RuntimeError("signed out"))
    with pytest.raises(ChatError, match="token_unavailable: signed out") as caught:
        await attempt
    assert caught.value.is_temporary
    attempt = asyncio.create_task(tokens.get())
    await turns()
    application.calls[1].set_result("sk_2")
    assert await attempt == "sk_2"


async def test_closing_ends_a_call_and_who_waits_for_it_gets_an_error() -> None:
    application = Application()
    tokens = Tokens(application.token)
    attempt = asyncio.create_task(tokens.get())
    await turns()
    tokens.close()
    with pytest.raises(ChatError, match="client_closed"):
        await attempt
    assert application.calls[0].cancelled()


async def test_an_open_server_needs_no_token_and_the_application_is_asked_once() -> None:
    calls = 0

    async def fetch() -> None:
        nonlocal calls
        calls += 1

    tokens = Tokens(fetch)
    assert [await tokens.get(), await tokens.get()] == [None, None]
    assert calls == 1
    without_callback = Tokens(None)
    without_callback.reject(None)
    assert await without_callback.get() is None


@pytest.mark.parametrize("token", ["sk_1_abc", "a.b.c", "a.e30.c", "a.bnVsbA.c"])
async def test_a_token_without_a_readable_expiry_is_kept_until_it_is_rejected(token: str) -> None:
    answers = iter([token])

    async def fetch() -> str:
        return next(answers)

    tokens = Tokens(fetch)
    assert [await tokens.get(), await tokens.get()] == [token, token]
