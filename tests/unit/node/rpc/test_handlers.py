"""Answers to peers and clients, command by command (spec 2, commands)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from hypernode.core.counting import NOBODY
from hypernode.core.errors import Ignore, Reject
from hypernode.core.types import ChainHeight
from hypernode.node.owner.runtime import Node
from hypernode.node.rpc.address_messages import PAGE
from hypernode.ports.registrations import PowNotReady, RegisteredList
from hypernode.pow.fixed_source import FixedPowSource
from hypernode.sim.cluster import PORT
from hypernode.wire.catalogue import COMMANDS, CommandId, Who
from hypernode.wire.codec import Command, PeerIp
from hypernode.wire.hello import CLIENT_PORT, Hello
from tests.unit.node.beds import ROUND, STRANGER, Bed, Branch, FakeCaller, ask, play, serve, store

C = CommandId


async def make_node(bed: Bed, blocks: int = 3, **options: Any) -> Node:
    bed.go_to(ROUND, blocks)
    node = await bed.node(**options)
    if blocks:
        await store(bed, node.ports.ledger, *[(ROUND, sir) for sir in range(blocks)])
    return node


def stranger(bed: Bed, features: int = 0) -> FakeCaller:
    return FakeCaller(STRANGER, features, Hello(bed.params.posnet, CLIENT_PORT, bed.address(1)))


def hypernode(bed: Bed, index: int = 2, features: int = 1) -> FakeCaller:
    return FakeCaller(bed.ip(index), features, Hello(bed.params.posnet, PORT, bed.address(index)))


async def put(node: Node, caller: FakeCaller, command_id: CommandId, **values: Any) -> Command | None:
    return await serve(node, caller, ask(command_id, **values))


async def get(node: Node, caller: FakeCaller, command_id: CommandId, **values: Any) -> Command:
    answer = await put(node, caller, command_id, **values)
    assert answer is not None
    assert answer.id is command_id
    return answer


async def get_json(node: Node, caller: FakeCaller, command_id: CommandId, **values: Any) -> Any:
    text = (await get(node, caller, command_id, **values)).string
    assert text is not None
    assert text.isascii()
    return json.loads(text)


def test_every_command_that_can_be_asked_is_served() -> None:
    """hello and auth belong to the session; the rest is in the table."""

    async def scenario() -> None:
        node = await Bed().node()
        served_elsewhere = {C.HELLO, C.AUTH}
        assert set(node.serving.handlers) == set(COMMANDS) - served_elsewhere
        with pytest.raises(Ignore):
            await put(node, FakeCaller(STRANGER), C.AUTH)

    play(scenario())


def test_ok_and_ko_are_no_questions() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        for command_id in (C.OK, C.KO):
            assert COMMANDS[command_id].who is Who.NOBODY
            assert await put(node, stranger(bed), command_id) is None

    play(scenario())


@pytest.mark.parametrize("features", [0, 1])
def test_ping_is_answered_to_feature_peers(features: int) -> None:
    async def scenario() -> None:
        bed = Bed()
        answer = await put(await bed.node(), stranger(bed, features), C.PING)
        assert answer == (ask(C.OK) if features else None)

    play(scenario())


def test_peers_are_those_we_are_connected_to_each_once() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        await node.listening.start(node.options.listen)
        await bed.serve(2)
        await bed.open(bed.ip(1), 0, port=PORT)
        await bed.open(bed.ip(2), 0, port=PORT)
        assert (await get(node, stranger(bed), C.PEERS)).ips == (
            PeerIp(bed.ip(1), PORT),
            PeerIp(bed.ip(2), PORT),
        )

    play(scenario())


# --- blocks and heights ---------------------------------------------------------------------------------


def test_blockinfo_tells_a_block_without_measures_of_its_round() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await make_node(bed)
        stored = await node.ports.ledger.get_height_at(2)
        assert stored is not None
        expected = replace(stored, uniques_round=0, forgers_round=0)
        assert (await get(node, stranger(bed), C.BLOCKINFO, int32=2)).height == expected
        unknown = (await get(node, stranger(bed), C.BLOCKINFO, int32=2**31 - 1)).height
        assert unknown == ChainHeight(0, 0, 0, b"")
        genesis = (await get(node, stranger(bed), C.BLOCKINFO, int32=0)).height
        assert genesis is not None
        assert genesis.block_hash

    play(scenario())


def test_blocksync_gives_a_batch_and_nothing_over_the_tip() -> None:
    async def scenario() -> None:
        bed = Bed(block_sync_count=2)
        node = await make_node(bed)
        for first, heights in ((0, [0, 1]), (1, [1, 2]), (3, [3]), (4, []), (2**31 - 1, [])):
            blocks = (await get(node, stranger(bed), C.BLOCKSYNC, int32=first)).blocks
            assert [block.height for block in blocks] == heights
            assert all(len(block.messages) == block.msg_count for block in blocks)

    play(scenario())


def test_roundblocks_and_getblock_give_whole_blocks_or_none() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await make_node(bed)
        caller = stranger(bed)
        stored = tuple(await node.ports.ledger.get_blocks(1, 3))
        assert (await get(node, caller, C.ROUNDBLOCKS, int32=ROUND)).blocks == stored
        assert (await get(node, caller, C.ROUNDBLOCKS, int32=ROUND + 1)).blocks == ()
        assert (await get(node, caller, C.GETBLOCK, int32=2)).blocks == (stored[1],)
        assert (await get(node, caller, C.GETBLOCK, int32=4)).blocks == ()

    play(scenario())


@pytest.mark.parametrize(
    ("text", "heights"),
    [
        (None, [3, 2, 1, 0]),
        ("", [3, 2, 1, 0]),
        ("None", [3, 2, 1, 0]),
        (",2", [3, 2]),
        (",1", [3]),
        (",0", []),
        ("1,2", [1, 2]),
        ("0,9", [0, 1, 2, 3]),
        ("4,5", []),
        ("9999999999,9999999999", []),
    ],
)
def test_getheaders_has_two_directions(text: str | None, heights: list[int]) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await make_node(bed)
        blocks = (await get(node, stranger(bed), C.GETHEADERS, string=text)).blocks
        assert [block.height for block in blocks] == heights
        assert not any(block.messages for block in blocks)

    play(scenario())


ODD: list[tuple[CommandId, dict[str, Any]]] = [
    *(
        (c, {"int32": n})
        for c in (C.BLOCKINFO, C.BLOCKSYNC, C.ROUNDBLOCKS, C.GETBLOCK)
        for n in (-1, -(2**31))
    ),
    *((c, {"string": "5"}) for c in (C.BLOCKINFO, C.BLOCKSYNC, C.ROUNDBLOCKS, C.GETBLOCK)),
    *((c, {}) for c in (C.BLOCKINFO, C.BLOCKSYNC, C.ROUNDBLOCKS, C.GETBLOCK)),
    *(
        (C.GETHEADERS, {"string": t})
        for t in ("x", "5", "-1,5", "1,-5", "1,2,3", ",", "٣,٣", "1 1,2", "1e3,2")
    ),
    *(
        (C.GETADDTXS, {"string": t})
        for t in ("a,", "a,-1", "a,x", "a,zzzzzzzzzzzz", "a,1,2", "a,00112233445566")
    ),
    *((C.GETTX, {"string": t}) for t in ("zz", "0", "é", "0x00", "\0")),
]


@pytest.mark.parametrize(("command_id", "values"), ODD)
def test_odd_parameters_close_without_blame(command_id: CommandId, values: dict[str, Any]) -> None:
    async def scenario() -> None:
        bed = Bed()
        with pytest.raises(Ignore):
            await put(await bed.node(), stranger(bed), command_id, **values)

    play(scenario())


# --- messages -------------------------------------------------------------------------------------------


def test_gettx_gives_a_message_of_the_chain_or_none() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await make_node(bed)
        block = (await node.ports.ledger.get_blocks(2, 1))[0]
        message = block.messages[1]
        caller = stranger(bed)
        assert (await get(node, caller, C.GETTX, string=message.txid.hex())).messages == (message,)
        assert (await get(node, caller, C.GETTX, string="00" * 64)).messages == ()
        assert (await get(node, caller, C.GETTX)).messages == ()

    play(scenario())


def test_getaddtxs_has_three_forms() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await make_node(bed)
        blocks = await node.ports.ledger.get_blocks(1, 3)
        caller, address = stranger(bed), bed.address(0)
        of = [[m for m in b.messages if address in (m.sender, m.recipient)] for b in blocks]

        async def find(text: str) -> list[int]:
            return [m.block_height for m in (await get(node, caller, C.GETADDTXS, string=text)).messages]

        assert await find(address) == [m.block_height for found in of for m in found]
        assert await find(f"{address},2") == [m.block_height for found in of[1:] for m in found]
        assert await find(f"{address},{of[2][0].txid.hex()}") == [3] * len(of[2])
        assert await find(f"{address},999999999") == []
        assert await find("nobody") == []
        assert await find("") == []

    play(scenario())


def test_getaddtxs_gives_a_hundred_at_most() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        senders = [0, 1, 2] * 60
        await store(bed, node.ports.ledger, (ROUND, 0), senders=senders)
        found = (await get(node, stranger(bed), C.GETADDTXS, string=bed.address(1))).messages
        assert len(found) == PAGE

    play(scenario())


def test_a_message_of_who_is_registered_is_taken_from_anyone() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        message = bed.message(3)
        for _ in range(2):
            assert await put(node, stranger(bed), C.TX, messages=(message,)) == ask(C.OK)
        assert [m.txid for m in node.mempool.get_all()] == [message.txid]

    play(scenario())


@pytest.mark.parametrize(("features", "reason"), [(0, None), (1, "M3: the signature is invalid")])
def test_a_bad_message_is_refused_with_a_reason_for_feature_peers(features: int, reason: str | None) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        bad = replace(bed.message(3), value=2**32 - 1)
        answer = await put(node, stranger(bed, features), C.TX, messages=(bed.message(2), bad))
        assert answer == Command(C.KO, string=reason)
        assert len(node.mempool) == 1

    play(scenario())


def test_a_stranger_gets_the_mempool_and_is_not_listened_to() -> None:
    async def scenario() -> None:
        bed = Bed(max_txs_to_sync=3)
        node = await bed.node()
        ours = bed.messages(bed.clock.now())
        await node.intake.submit(ours)
        for values in ({"int32": 1}, {}, {"messages": (bed.message(4),)}):
            sent = (await get(node, stranger(bed), C.MEMPOOL, **values)).messages
            assert [m.txid for m in sent] == [m.txid for m in ours[:3]]
        assert len(node.mempool) == 4

    play(scenario())


async def with_peer(bed: Bed, node: Node, index: int = 2, features: int = 1) -> FakeCaller:
    """A hypernode that is connected, to be asked for."""
    await node.listening.start(node.options.listen)
    await bed.open(bed.ip(index), bed.index_of(node.ports.signer.address), port=PORT, features=features)
    caller = hypernode(bed, index, features)
    node.peers.inbound[f"{bed.ip(index)}:0{PORT}"].caller = caller
    return caller


def test_a_hypernode_exchanges_what_is_new_since_the_last_time() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        caller = await with_peer(bed, node)
        first, theirs, second = bed.message(0), bed.message(2), bed.message(1)
        await node.intake.submit([first])

        async def exchange(*messages: Any) -> list[bytes]:
            sent = (await get(node, caller, C.MEMPOOL, messages=messages)).messages
            return [m.txid for m in sent]

        assert await exchange(theirs) == [first.txid]
        assert len(node.mempool) == 2
        assert await exchange() == []
        await node.intake.submit([second])
        assert await exchange() == [second.txid]

    play(scenario())


# --- heights --------------------------------------------------------------------------------------------


def test_a_hypernodes_height_is_noted_and_ours_comes_back() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await make_node(bed)
        caller = await with_peer(bed, node)
        theirs = ChainHeight(9, ROUND, 3, b"t" * 20, 1, 2, 3, 4)
        answer = await get(node, caller, C.HEIGHT, height=theirs, height_forger=bed.address(4))
        assert (answer.height, answer.height_forger) == (node.chain.height, node.node_state.get_juror())
        (view,) = node.peers.list_views()
        assert (view.address, view.reported, view.juror) == (bed.address(2), theirs, bed.address(4))
        assert not view.is_outbound

    play(scenario())


def test_the_height_of_a_stranger_or_a_client_is_not_noted() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await make_node(bed)
        await node.listening.start(node.options.listen)
        await bed.open(STRANGER, 0, port=PORT)
        theirs = ChainHeight(9, ROUND, 3, b"t" * 20)
        callers = [
            FakeCaller(STRANGER, 1, Hello(bed.params.posnet, PORT, bed.address(1))),
            FakeCaller(bed.ip(2), 1, Hello(bed.params.posnet, CLIENT_PORT, bed.address(1))),
            FakeCaller(bed.ip(2), 0, Hello(bed.params.posnet, 0, bed.address(1))),
        ]
        for caller in callers:
            answer = await get(node, caller, C.HEIGHT, height=theirs)
            assert answer.height == node.chain.height
            assert (answer.height_forger is None) == (caller.features == 0)
        assert node.peers.list_views() == ()

    play(scenario())


@pytest.mark.parametrize("block_hash", [b"", b"x" * 19, b"x" * 200])
def test_a_height_with_a_hash_that_is_none_is_the_peers_fault(block_hash: bytes) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await make_node(bed)
        caller = await with_peer(bed, node)
        with pytest.raises(Reject):
            await put(node, caller, C.HEIGHT, height=ChainHeight(9, ROUND, 3, block_hash))
        assert node.peers.list_views() == ()

    play(scenario())


def test_a_juror_that_is_no_address_is_not_kept() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await make_node(bed)
        caller = await with_peer(bed, node)
        for odd in ("x" * 60_000, "", "\0", "é" * 34):
            await put(node, caller, C.HEIGHT, height=ChainHeight(9, ROUND, 3, b"t" * 20), height_forger=odd)
            (view,) = node.peers.list_views()
            assert view.juror is None

    play(scenario())


# --- blocks and tests that are pushed -------------------------------------------------------------------


def test_a_block_from_a_registered_ip_is_taken_without_a_word() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        block = await (await Branch.on(bed, node.ports.ledger)).make(ROUND, 0)
        assert await put(node, FakeCaller(bed.ip(2), 0), C.BLOCK, blocks=(block,)) is None
        assert node.chain.height.block_hash == block.block_hash
        with pytest.raises(Ignore, match="known"):
            await put(node, FakeCaller(bed.ip(2), 0), C.BLOCK, blocks=(block,))

    play(scenario())


def test_a_bad_block_is_logged_but_not_held_against_its_relayer() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        block = await (await Branch.on(bed, node.ports.ledger)).make(ROUND, 0)
        bad = replace(block, signature=bytes(64))
        with pytest.raises(Ignore, match="rule 5"):
            await put(node, FakeCaller(bed.ip(2), 0), C.BLOCK, blocks=(bad,))
        assert "block 1 of 10.3.0.1 refused: rule 5" in bed.log[0]

    play(scenario())


@pytest.mark.parametrize("command_id", [C.BLOCK, C.TEST])
def test_blocks_and_tests_of_strangers_are_an_offence_with_a_list(command_id: CommandId) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        with pytest.raises(Reject, match="not registered"):
            await put(node, FakeCaller(STRANGER, 0), command_id)
        node.peers.set_registered([])
        with pytest.raises(Ignore, match="no list"):
            await put(node, FakeCaller(bed.ip(2), 0), command_id)

    play(scenario())


# --- what only some may -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("is_on", "listed", "command_id"),
    [(True, (STRANGER,), C.OK), (False, (STRANGER,), C.KO), (True, (), C.KO), (True, ("10.9.9.9",), C.KO)],
)
def test_an_update_is_acknowledged_to_who_may_ask_and_does_nothing(
    is_on: bool, listed: tuple[str, ...], command_id: C
) -> None:
    async def scenario() -> None:
        bed = Bed(allow_updates_from=listed)
        node = await bed.node()
        node.serving.take_settings((), takes_updates=is_on)
        answer = await put(node, stranger(bed), C.UPDATE, string="http://example.org")
        assert answer is not None
        assert answer.id is command_id
        assert sum("asks for an update" in line for line in bed.log) == (command_id is C.OK)

    play(scenario())


def test_the_network_decides_before_the_operator_who_may_send_update() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        node.serving.take_settings((), takes_updates=True)
        for from_rainbow, from_file, command_id in (
            ((), (), C.KO),
            ((), (STRANGER,), C.OK),
            (("10.9.9.9",), (STRANGER,), C.KO),
            ((STRANGER,), (), C.OK),
        ):
            node.tunables.enter_round(
                (("rainbow", "ALLOW_UPDATES_FROM=" + ";".join(from_rainbow)),) if from_rainbow else ()
            )
            node.tunables.reconfigure("ALLOW_UPDATES_FROM", {"ALLOW_UPDATES_FROM": from_file})
            answer = await put(node, stranger(bed), C.UPDATE, string="")
            assert answer is not None
            assert answer.id is command_id

    play(scenario())


def test_gethypernodes_is_for_the_allow_list() -> None:
    async def scenario() -> None:
        bed = Bed(allow_queries_from=("127.0.0.1", STRANGER))
        node = await bed.node()
        with pytest.raises(Ignore, match="ALLOW_QUERIES_FROM"):
            await put(node, hypernode(bed), C.GETHYPERNODES)
        listed = await get_json(node, stranger(bed), C.GETHYPERNODES)
        address = bed.address(0)
        assert listed[0] == [address, bed.ip(0), "6969", 1, address, address]
        assert len(listed) == bed.size

    play(scenario())


def test_gethypernodes_by_pos_address_has_kpis() -> None:
    async def scenario() -> None:
        bed = Bed(allow_queries_from=(STRANGER,))
        node = await make_node(bed)
        forged = {b.forger for b in await node.ports.ledger.get_blocks(1, 3)}
        for text in ("1", f"1,{ROUND},{ROUND}"):
            listed = await get_json(node, stranger(bed), C.GETHYPERNODES, string=text)
            assert set(listed) == {bed.address(n) for n in range(bed.size)}
            shown = listed[bed.address(0)]
            assert {k: shown[k] for k in ("ip", "port", "weight")} == {
                "ip": bed.ip(0),
                "port": "6969",
                "weight": 1,
            }
            assert shown["kpis"] == {
                "forged": sum(b.forger == bed.address(0) for b in await node.ports.ledger.get_blocks(1, 3)),
                "sources": 3,
                "ok_tests_sent": 3,
                "active": True,
            }
            silent = next(n for n in range(4, bed.size) if bed.address(n) not in forged)
            names = ("success", "errors", "failed_pings", "ok_pings", "warnings", "rounds", "sources")
            assert listed[bed.address(silent)]["kpis"] == {**dict.fromkeys(names, 0), "active": False}
        none = await get_json(node, stranger(bed), C.GETHYPERNODES, string=f"0,{ROUND},{ROUND}")
        assert all(entry["kpis"] == {} for entry in none.values())
        assert set(none[bed.address(0)]) == {"ip", "port", "weight", "registrar", "recipient", "kpis"}

    play(scenario())


def test_gethypernodes_by_collateral_says_who_is_active() -> None:
    async def scenario() -> None:
        bed = Bed(allow_queries_from=(STRANGER,))
        bed.go_to(ROUND + 1, 0)
        node = await bed.node()
        blocks = await store(bed, node.ports.ledger, (ROUND, 0), senders=(0, 1, 2, 3))
        plan = await node.chain.derive_plan(ROUND + 1)
        node.node_state.set_plan(plan, NOBODY, ())
        assert plan.inactive
        for text in ("2", f"2,0,{ROUND + 1}"):
            listed = await get_json(node, stranger(bed), C.GETHYPERNODES, string=text)
            for n in range(bed.size):
                entry = listed[bed.address(n)]
                assert set(entry) == {"ip", "port", "pos", "reward", "weight", "timestamp", "active"}
                seen = n in (0, 1, 2, 3) or bed.address(n) == blocks[0].forger
                assert entry["active"] is seen

    play(scenario())


def test_who_was_active_follows_from_the_chain_without_a_kept_plan() -> None:
    """An imported chain, or rounds that were caught up with: nothing was derived for them (spec 6)."""

    async def scenario() -> None:
        bed = Bed(allow_queries_from=(STRANGER,))
        bed.go_to(ROUND + 3, 0)
        node = await bed.node()
        blocks = await store(bed, node.ports.ledger, (ROUND, 0), senders=(0, 1, 2, 3))
        assert await node.ports.ledger.get_plan(ROUND + 1) is None
        listed = await get_json(node, stranger(bed), C.GETHYPERNODES, string=f"2,0,{ROUND + 1}")
        seen = {*(bed.address(n) for n in range(4)), blocks[0].forger}
        assert {entry["pos"]: entry["active"] for entry in listed.values()} == {
            bed.address(n): bed.address(n) in seen for n in range(bed.size)
        }
        # nobody was seen in the round before that one, so nobody is silent
        later = await get_json(node, stranger(bed), C.GETHYPERNODES, string=f"2,0,{ROUND + 2}")
        assert all(entry["active"] for entry in later.values())

    play(scenario())


@pytest.mark.parametrize("text", ["3", "1,2", "1,2,3,4", "1,a,b", "x,1,2", "1,-1,2", ","])
def test_an_odd_gethypernodes_closes(text: str) -> None:
    async def scenario() -> None:
        bed = Bed(allow_queries_from=(STRANGER,))
        with pytest.raises(Ignore):
            await put(await bed.node(), stranger(bed), C.GETHYPERNODES, string=text)

    play(scenario())


def test_what_the_companion_cannot_tell_closes() -> None:
    class Late(FixedPowSource):
        async def get_registered(self, round_: int) -> RegisteredList:
            if round_ > ROUND:
                raise PowNotReady("too early")
            return await super().get_registered(round_)

    async def scenario() -> None:
        bed = Bed(allow_queries_from=(STRANGER,))
        node = await bed.node(pow_source=Late(bed.params))
        with pytest.raises(Ignore, match="too early"):
            await put(node, stranger(bed), C.GETHYPERNODES, string="0,1,9999999999")

    play(scenario())


def test_texts_are_json() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await make_node(bed)
        caller = await with_peer(bed, node)
        reported = ChainHeight(9, ROUND, 3, b"t" * 20, 1, 2, 3, 4)
        await get(node, caller, C.HEIGHT, height=reported)
        assert await get_json(node, caller, C.GETHEIGHTS) == {
            "10.3.0.1:06969": {
                "height": 9,
                "round": ROUND,
                "sir": 3,
                "block_hash": "74" * 20,
                "uniques": 1,
                "uniques_round": 2,
                "forgers": 3,
                "forgers_round": 4,
            }
        }
        config = await get_json(node, caller, C.GETCONFIG)
        assert config["MAX_TXS_TO_SYNC"] == 2_000
        assert (await get_json(node, caller, C.GETROUND))["previous"] == ROUND
        assert (await get_json(node, caller, C.STATUS))["chain"]["block_height"] == 3

    play(scenario())
