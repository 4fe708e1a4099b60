"""200 concurrent streams in one process: how long the event loop was held up, at most and in the 99th percentile."""

import asyncio
import time

import execkit

STREAMS, TICK = 200, 0.005


async def main():
    sessions = await asyncio.gather(*(execkit.AsyncSession.create() for _ in range(STREAMS)))
    late, events = [], 0

    async def watch():
        while True:
            begin = time.perf_counter()
            await asyncio.sleep(TICK)
            late.append(time.perf_counter() - begin - TICK)

    async def follow(session):
        nonlocal events
        async for event in session.stream("exec {quiet}<> <(:); for ((i = 0; i < 50; i++)); do echo line $i; read -rt 0.1 -u $quiet; done", timeout=300):
            events += event.type == "stdout"

    watching = asyncio.ensure_future(watch())
    begin = time.perf_counter()
    await asyncio.gather(*(follow(s) for s in sessions))
    took = time.perf_counter() - begin
    watching.cancel()
    late.sort()
    print(f"| Python, asyncio | {events} in {took:.1f} s | {late[int(len(late) * 0.99)] * 1000:.0f} | {late[-1] * 1000:.0f} |")
    await asyncio.gather(*(s.close() for s in sessions))


asyncio.run(main())
