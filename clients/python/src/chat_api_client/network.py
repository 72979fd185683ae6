"""Waiting before the next attempt."""

from __future__ import annotations

import asyncio

from .backoff import Delay


class Network:
    """Delays attempts, until the application says that the network is back."""

    def __init__(self) -> None:
        self._restored = asyncio.Event()

    def restored(self) -> None:
        """Ends all delays, except those that a server asked for."""
        self._restored.set()
        self._restored = asyncio.Event()

    async def wait(self, delay: Delay) -> None:
        restored = self._restored
        await asyncio.sleep(delay.at_least)
        try:
            async with asyncio.timeout(delay.seconds - delay.at_least):
                await restored.wait()
        except TimeoutError:
            pass
