"""Chains of vector files in a ledger in memory, validated as on a network with legacy nodes (spec, README:
``chain`` and ``realchain``)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from hypernode.core.params.chain_params import ChainParams, FixedHypernode, replace_fields
from hypernode.core.params.networks import mainnet
from hypernode.core.rules import Unchecked
from hypernode.core.types import Block, Registration
from hypernode.core.validate_block import BlockContext
from hypernode.core.validate_message import check_messages
from hypernode.storage.database import InlineDatabase
from hypernode.storage.ledger import SqliteLedger, open_ledger
from hypernode.vectors.outcome import Json
from hypernode.wire.codec import decode_command


def read_network(document: Json) -> ChainParams:
    """Main, but without its lenient history, with what the document's ``config`` (names of legacy
    configurations) and ``hns`` (the fixed list) say."""
    main, config = mainnet(), document.get("config", {})
    return replace_fields(
        main,
        lenient_below=0,
        dead_tips=(),
        exceptions=(),
        origin_of_time=config.get("ORIGIN_OF_TIME", main.origin_of_time),
        slot_s=config.get("POS_SLOT_TIME_SEC", main.slot_s),
        slots=config.get("MAX_ROUND_SLOTS", main.slots),
        closing_slots=config.get("END_ROUND_SLOTS", main.closing_slots),
        tests_per_slot=config.get("TESTS_PER_SLOT", main.default_tunables.tests_per_slot),
        test_kinds=tuple(config.get("TESTS_TYPE", main.test_kinds)),
        min_active=config.get("MIN_ACTIVE_HNS", main.min_active),
        min_forge_consensus=config.get("MIN_FORGE_CONSENSUS", main.default_tunables.min_forge_consensus),
        posnet_allow=tuple(config.get("POSNET_ALLOW", main.default_tunables.posnet_allow)),
        hypernodes=tuple(
            FixedHypernode(hn["pos"], hn["ip"], int(hn["port"]), hn.get("weight", 1))
            for hn in document.get("hns", [])
        ),
    )


def read_registered(document: Json) -> tuple[Registration, ...]:
    """The document's fixed list, which holds for every round."""
    return tuple(
        Registration(
            collateral=hn.get("pow", ""),
            ip=hn["ip"],
            port=str(hn["port"]),
            pos=hn["pos"],
            reward=hn.get("reward", ""),
            weight=hn.get("weight", 1),
        )
        for hn in document.get("hns", [])
    )


def decode_block(payload: str) -> Block:
    """The one block in a hexadecimal payload.  Raises Reject, or ValueError when it is not one block."""
    blocks = decode_command(bytes.fromhex(payload)).blocks
    if len(blocks) != 1:
        raise ValueError(f"expected one block in the command, found {len(blocks)}")
    return blocks[0]


async def open_chain(params: ChainParams, blocks: Sequence[Block]) -> SqliteLedger:
    """A ledger in memory with ``blocks`` on genesis."""
    ledger = await open_ledger(InlineDatabase(), params)
    await ledger.append_many(blocks)
    return ledger


async def create_context(
    params: ChainParams,
    ledger: SqliteLedger,
    block: Block,
    juror: str | Unchecked | None,
    registered: Collection[str] | Unchecked,
) -> BlockContext:
    """What a block is judged by on the tip of ``ledger``."""
    [parent] = await ledger.get_headers(None, 1)
    return BlockContext(
        parent=parent,
        juror=juror,
        registered=registered,
        known_ids=await ledger.get_known_ids(m.txid for m in block.messages),
        slot_taken=await ledger.get_block_of_slot(block.round, block.sir) is not None,
        bad_messages=check_messages(params, block.messages),
    )
