import asyncio

from chat_api_client.backoff import Delay
from chat_api_client.network import Network


async def test_the_restored_network_ends_a_wait() -> None:
    network = Network()
    wait = asyncio.create_task(network.wait(Delay(3_600)))
    await asyncio.sleep(0)
    network.restored()
    async with asyncio.timeout(5):
        await wait


async def test_the_restored_network_does_not_end_a_wait_that_the_server_asked_for() -> None:
    network = Network()
    wait = asyncio.create_task(network.wait(Delay(3_600, at_least=3_600)))
    await asyncio.sleep(0)
    network.restored()
    done, _ = await asyncio.wait([wait], timeout=0.05)
    assert not done
    wait.cancel()
