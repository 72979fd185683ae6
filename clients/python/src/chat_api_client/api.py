"""Requests, with their credential and their retries."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx

from .backoff import Backoff
from .errors import CLOSED, NETWORK_ERROR, ChatError
from .network import Network
from .outage import Outage
from .tokens import Tokens

# A value that httpx can put into a query; None leaves the parameter out.
Parameters = Mapping[str, str | int | None]


class API:
    """One server. Every error is a `ChatError`."""

    def __init__(
        self, http: httpx.AsyncClient, tokens: Tokens, network: Network, new_backoff: Callable[[], Backoff]
    ) -> None:
        self.tokens = tokens
        self.network = network
        self.new_backoff = new_backoff
        self._http = http
        self._outage = Outage()

    async def get(self, path: str, **parameters: str | int | None) -> Any:
        """Reads, and tries again until there is a response, however long that takes."""
        return await self._retrying("GET", path, parameters=parameters)

    async def post_once(self, path: str, body: Any, key: str) -> Any:
        """Posts under an idempotency key, and tries again until there is a response, however long that takes."""
        return await self._retrying("POST", path, body=body, headers={"Idempotency-Key": key})

    async def repeat(
        self, method: str, path: str, body: Any, *, parameters: Parameters | None = None, interval: float
    ) -> Any:
        """Makes a request that may be repeated without a key, and tries again until there is a response.

        An attempt, and the wait before the next one, take at most `interval` seconds, unless the server asks for more.
        """
        timeout = min(interval, self._http.timeout.read or interval)
        return await self._retrying(method, path, interval, body=body, parameters=parameters, timeout=timeout)

    async def change(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        """Makes a request that must not be repeated, since a lost response would not tell whether it was obeyed."""
        return await self._request(method, path, body=body, headers=headers or {})

    @asynccontextmanager
    async def stream(
        self, path: str, parameters: Parameters, timeout: float
    ) -> AsyncIterator[tuple[httpx.Response, str | None]]:
        """Opens a stream of JSON lines, and returns it with the token it was opened with.

        `timeout`, in seconds, applies to the response's head; the caller judges silence after it. A 401 makes the token
        invalid and is raised like every other error.
        """
        token = await self._token()
        # A compressed stream would hold events back.
        headers = {"Accept": "application/x-ndjson", "Accept-Encoding": "identity"}
        request = self._build("GET", path, token, parameters=parameters, headers=headers)
        request.extensions["timeout"] = httpx.Timeout(timeout, read=None).as_dict()
        try:
            async with asyncio.timeout(timeout):
                response = await self._http.send(request, stream=True)
            try:
                if response.status_code != 200:
                    await response.aread()
                    if response.status_code == 401:
                        self.tokens.reject(token)
                    raise ChatError.from_response(response)
                yield response, token
            finally:
                # Canceling the caller must not leave the connection open.
                await asyncio.shield(response.aclose())
        except (httpx.HTTPError, TimeoutError) as error:
            raise _network_error(error) from error

    async def _retrying(self, method: str, path: str, max_delay: float = math.inf, **options: Any) -> Any:
        backoff = self.new_backoff()
        backoff.max_delay = min(backoff.max_delay, max_delay)
        while True:
            try:
                return await self._request(method, path, **options)
            except ChatError as error:
                if not error.is_temporary:
                    raise
                self._check_open()
                self._outage.note(f"{method} {path} failed", error)
                await self.network.wait(backoff.next(error.retry_after))

    async def _request(self, method: str, path: str, **options: Any) -> Any:
        response = await self._send(method, path, **options)
        if response.status_code == 401 and self.tokens.can_renew:
            response = await self._send(method, path, **options)
        if not response.is_success:
            raise ChatError.from_response(response)
        self._outage.end()
        try:
            return json.loads(response.content) if response.content else None
        except ValueError as error:
            raise _network_error(error) from error

    async def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        token = await self._token()
        try:
            response = await self._http.send(self._build(method, path, token, **options))
        except httpx.HTTPError as error:
            raise _network_error(error) from error
        if response.status_code == 401:
            self.tokens.reject(token)
        return response

    async def _token(self) -> str | None:
        self._check_open()
        return await self.tokens.get()

    def _check_open(self) -> None:
        if self._http.is_closed:
            raise ChatError(CLOSED, "The client is closed")

    def _build(
        self,
        method: str,
        path: str,
        token: str | None,
        *,
        parameters: Parameters | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> httpx.Request:
        present = {name: value for name, value in (parameters or {}).items() if value is not None}
        fields = dict(headers or {})
        if token is not None:
            fields["Authorization"] = f"Bearer {token}"
        seconds = self._http.timeout if timeout is None else timeout
        return self._http.build_request(method, path, params=present, json=body, headers=fields, timeout=seconds)


def _network_error(error: Exception) -> ChatError:
    return ChatError(NETWORK_ERROR, str(error) or type(error).__name__)
