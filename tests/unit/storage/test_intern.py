"""Texts and keys are stored once, and have the same number ever after."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from hypernode.storage.intern import Interned, intern_addresses, intern_blocks, list_addresses
from tests.unit.storage.chains import GENESIS, block, chain, message
from tests.unit.storage.ledgers import open_with


def test_an_address_keeps_its_number_and_what_it_did_is_known() -> None:
    async def run() -> None:
        ledger, database = await open_with(chain(3))
        first = await database.write(lambda t: intern_addresses(t, ["new b", "f0", "new a", "s1", "f0"]))
        again = await database.write(lambda t: intern_addresses(t, ["new a", "new b"]))
        assert first.addresses["new a"] == again.addresses["new a"]
        assert first.addresses["new a"] + 1 == first.addresses["new b"], (
            "sorted: the same blocks, the same file"
        )
        assert {first.addresses["f0"]} == first.forgers
        assert {first.addresses["s1"]} == first.senders
        assert (again.senders, again.forgers) == (set(), set())
        await ledger.close()

    asyncio.run(run())


def test_all_addresses_of_a_block_are_its_forger_senders_and_recipients() -> None:
    made = block(GENESIS, 1, 0, "forger", [message(1, "a", "b"), message(2, "b", "c")])
    assert list_addresses([made]) == {"forger", "a", "b", "c"}
    assert list_addresses([]) == set()


def test_a_sender_with_two_keys_has_two_signers_and_params_are_kept_once() -> None:
    other_key = replace(message(2, "a", params="p"), pubkey=b"\x02" * 64)
    made = block(GENESIS, 1, 0, messages=[message(1, "a", params="p"), other_key, message(3, "b", params="")])

    async def run() -> tuple[Interned, Interned]:
        ledger, database = await open_with([])
        first = await database.write(lambda t: intern_blocks(t, [made]))
        second = await database.write(lambda t: intern_blocks(t, [made]))
        await ledger.close()
        return first, second

    first, second = asyncio.run(run())
    assert first == second
    number = first.addresses["a"]
    assert len({row for (address, _), row in first.signers.items() if address == number}) == 2
    assert first.params.keys() == {"p", ""}
