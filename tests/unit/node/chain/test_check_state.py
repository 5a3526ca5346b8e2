"""Where a check stands is kept, and used only for what it is of."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.node.chain.check_state import FILE_NAME, load_state, save_state
from hypernode.sim.memory.adapters import MemoryFiles
from tests.unit.node.beds import Bed, play
from tests.unit.node.chain.checks import SLOTS, check, make_ledger


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"nonsense", b"[" * 90_000, b'{"program": "0", "network": ""}']
)
def test_state_that_is_of_no_use_is_left_alone(content: bytes) -> None:
    async def scenario() -> None:
        bed = Bed()
        ledger, _ = await make_ledger(bed, SLOTS[:1])
        files = MemoryFiles()
        files.write(FILE_NAME, content)
        assert await load_state(files, bed.params, ledger) is None

    play(scenario())


def test_state_of_a_chain_that_was_replaced_is_not_used() -> None:
    async def scenario() -> None:
        bed = Bed()
        ledger, _ = await make_ledger(bed)
        files = MemoryFiles()
        save_state(files, bed.params, await check(bed, ledger))
        await ledger.rollback(7)
        assert await load_state(files, bed.params, ledger) is None
        assert await load_state(files, replace(bed.params, name="other"), ledger) is None

    play(scenario())
