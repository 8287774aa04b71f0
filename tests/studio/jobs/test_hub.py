"""News of the trainings: who does not listen, and who listens too slowly."""

import asyncio

from recurra.studio.jobs.hub import Hub


def test_who_lags_behind_is_let_go():
    async def scene():
        hub = Hub()
        with hub.listen("a") as queue:
            for n in range(1002):
                hub.publish("a", "progress", n)
            await asyncio.sleep(0.05)
            left = [queue.get_nowait() for _ in range(queue.qsize())]
        hub.publish("a", "progress", 0)  # nobody listens: nothing happens
        return left

    assert asyncio.run(scene())[0] is None
