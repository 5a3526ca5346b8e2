"""Tasks beside the owner live while the node runs, and no longer."""

from __future__ import annotations

import asyncio

from hypernode.node.base.background import Background


def test_a_node_that_does_not_run_starts_nothing() -> None:
    async def run() -> None:
        done: list[str] = []

        async def work() -> None:
            done.append("x")

        assert Background().start(work, "x") is None
        background = Background()
        async with background.running() as group:
            assert background.group is group
            task = background.start(work, "beside")
            assert task is not None
            assert task.get_name() == "beside"
        assert done == ["x"]

    asyncio.run(run())


def test_it_ends_when_all_tasks_are_over() -> None:
    async def run() -> None:
        ends: list[int] = []

        async def work() -> None:
            await asyncio.sleep(0)
            ends.append(1)

        background = Background()
        async with background.running():
            for _ in range(3):
                background.start(work, "x")
            assert ends == []
        assert ends == [1, 1, 1]

    asyncio.run(run())
