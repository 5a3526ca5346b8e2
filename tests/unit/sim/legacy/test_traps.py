"""A simulated legacy node goes into every trap of spec 8 that is laid for it, and into none otherwise."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from hypernode.core.block import create_genesis
from hypernode.core.forging import seal_block
from hypernode.core.message import create_message
from hypernode.core.types import Block, ChainHeight, Endpoint, Message
from hypernode.ports.connections import Transport, TransportClosed
from hypernode.sim.cluster import PORT, make_privkey
from hypernode.sim.legacy.chain import measure
from hypernode.sim.legacy.node import LegacyNode
from hypernode.sim.legacy.state import LegacyHabits
from hypernode.sim.legacy.stream import LegacyStream
from hypernode.sim.legacy.traps import EFFECTS, Effect, LegacyCloses, Trap, TrapLog
from hypernode.sim.memory.adapters import KeySigner
from hypernode.sim.memory.loop import run
from hypernode.sim.mixed import MixedCluster
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command

ROUND = 3
QUICK = LegacyHabits(derive_s=0.0, look_s=1.0, height_s=2.0, mempool_s=4.0, retry_s=5.0)
Answers = dict[CommandId, Command]


class Scene:
    """Host 0 runs a legacy node; its neighbours 1 to 5 are played by the test."""

    def __init__(self) -> None:
        self.cluster = MixedCluster(6, 1, legacy=(0,), habits={0: QUICK})
        self.params = self.cluster.params
        self.ip = self.cluster.hosts[1].ip
        self.quiet = TrapLog(lambda: 0.0)
        self.answers: Answers = {CommandId.MEMPOOL: Command(CommandId.MEMPOOL)}
        self.heard: list[Command] = []
        self.node: LegacyNode | None = None

    async def begin(self) -> LegacyNode:
        """Start the legacy node, with all neighbours listening, some seconds into a round."""
        self.tell(measure(self.chain_of()))
        for host in self.cluster.hosts[1:]:
            connections = self.cluster.network.get_connections(host.ip)
            await connections.listen(Endpoint(host.ip, PORT), self._serve)
        await self.cluster.run_until(ROUND)
        self.node = await self.cluster.start_legacy(0)
        await asyncio.sleep(5)
        return self.node

    @property
    def chain(self) -> Any:
        return self.cluster.legacy[0].memory.chain

    @property
    def sprung(self) -> list[Trap]:
        return [t.trap for t in self.cluster.list_traps()]

    def signer(self, index: int) -> KeySigner:
        return KeySigner(make_privkey(self.cluster.seed, f"node {index}"), self.params.address_byte)

    async def _serve(self, transport: Transport) -> None:
        stream = LegacyStream(transport, self.quiet)
        try:
            while True:
                command = await stream.read()
                self.heard.append(command)
                answer = self.answers.get(command.id)
                if command.id is CommandId.HELLO:
                    answer = command
                if answer is not None:
                    await stream.write(answer)
        except (TransportClosed, TimeoutError, LegacyCloses):
            stream.close()

    # --- what a neighbour may do --------------------------------------------------------------------

    async def dial(self, hello_port: int | None = PORT) -> LegacyStream:
        connections = self.cluster.network.get_connections(self.ip)
        transport = await connections.connect(Endpoint(self.cluster.hosts[0].ip, PORT), None, 5.0)
        stream = LegacyStream(transport, self.quiet)
        if hello_port is not None:
            hello = f"{self.params.posnet}{hello_port:05d}{self.signer(1).address}"
            answer = await stream.ask(Command(CommandId.HELLO, string=hello))
            assert answer.id is CommandId.HELLO
            assert answer.features is None
        return stream

    async def push(self, block: Block) -> None:
        stream = await self.dial(None)
        await stream.write(Command(CommandId.BLOCK, blocks=(block,)))
        await asyncio.sleep(1)
        stream.close()

    async def is_closed(self, stream: LegacyStream) -> bool:
        try:
            await stream.read(2.0)
        except TransportClosed:
            return True
        except TimeoutError:
            return False
        return False

    def message(self, value: int = 0, *, later_s: int = 0, sender: int = 1, **fields: Any) -> Message:
        signer = self.signer(sender)
        values = {"recipient": signer.address, "what": 202, "params": "TEST:0", **fields}
        now = int(self.cluster.clock.now()) + later_s
        return create_message(
            signer.sign, signer.pubkey, timestamp=now, sender=signer.address, value=value, **values
        )

    def block(self, parent: Block, sir: int, messages: Sequence[Message] = (), round_: int = ROUND) -> Block:
        signer = self.signer(1)
        batch = list(messages) or [self.message(sir * 10 + n, sender=n % 4 + 1) for n in range(4)]
        now = int(self.cluster.clock.now())
        return seal_block(signer.sign, signer.address, parent, round_, sir, now, batch)

    def chain_of(self, *slots: tuple[int, int]) -> list[Block]:
        """Blocks of slots on top of genesis, with genesis."""
        blocks = [create_genesis(self.params)]
        for round_, sir in slots:
            blocks.append(self.block(blocks[-1], sir, round_=round_))
        return blocks

    def tell(self, height: ChainHeight) -> None:
        """What we answer to its heights from now on."""
        self.answers[CommandId.HEIGHT] = Command(CommandId.HEIGHT, height=height)


def play(scenario: Callable[[Scene], Awaitable[None]]) -> None:
    async def scene() -> None:
        await scenario(Scene())

    run(scene())


# --- what is no trap ------------------------------------------------------------------------------------


def test_a_good_neighbour_springs_none() -> None:
    async def scenario(scene: Scene) -> None:
        node = await scene.begin()
        stream = await scene.dial()
        own = measure(scene.chain_of())
        answer = await stream.ask(Command(CommandId.HEIGHT, height=own))
        assert answer.height == own
        said = await stream.ask(Command(CommandId.MEMPOOL, messages=(scene.message(),)))
        assert [m.params for m in said.messages][:1] == ["START"]
        again = await stream.ask(Command(CommandId.MEMPOOL, messages=()))
        assert not [m for m in again.messages if m.params == "START"], "its own: in the first exchange only"
        await scene.push(scene.block(create_genesis(scene.params), 0))
        assert scene.chain.tip.height == 1
        answer = await stream.ask(Command(CommandId.BLOCKSYNC, int32=1))
        assert [b.height for b in answer.blocks] == [1]
        answer = await stream.ask(Command(CommandId.BLOCKSYNC, int32=2))
        assert answer.blocks == ()
        assert (await stream.ask(Command(CommandId.GETHEADERS, string=",1"))).blocks[0].height == 1
        assert (await stream.ask(Command(CommandId.STATUS))).string
        assert scene.sprung == []
        assert node.state.stopped == ""

    play(scenario)


def test_it_answers_nothing_while_it_derives_a_round() -> None:
    async def scenario(scene: Scene) -> None:
        scene.cluster.legacy[0].habits = replace(QUICK, derive_s=40.0)
        await scene.begin()
        dialled = scene.cluster.clock.now()
        await scene.dial()
        assert scene.cluster.clock.now() - dialled > 30

    play(scenario)


def test_a_stranger_and_a_wrong_net_are_refused() -> None:
    async def scenario(scene: Scene) -> None:
        await scene.begin()
        stream = await scene.dial(None)
        answer = await stream.ask(Command(CommandId.STATUS))
        assert (answer.id, answer.string) == (CommandId.KO, "Did not say hello")
        stream = await scene.dial(None)
        answer = await stream.ask(Command(CommandId.HELLO, string="elsewhere106969" + "B" * 34))
        assert (answer.id, answer.string) == (CommandId.KO, "Bad Posnet elsewhere1")

    play(scenario)


# --- each trap ------------------------------------------------------------------------------------------


async def push_a_gap(scene: Scene) -> None:
    blocks = scene.chain_of((ROUND, 0), (ROUND, 1))
    await scene.push(blocks[2])


async def push_twice(scene: Scene) -> None:
    block = scene.chain_of((ROUND, 0))[1]
    await scene.push(block)
    await scene.push(block)


def push_with(**fields: Any) -> Callable[[Scene], Awaitable[None]]:
    async def lay(scene: Scene) -> None:
        odd = scene.message(1, **fields)
        others = [scene.message(n, sender=n) for n in (2, 3, 4)]
        await scene.push(scene.block(create_genesis(scene.params), 0, [odd, *others]))

    return lay


def after_hello(command: Command) -> Callable[[Scene], Awaitable[None]]:
    async def lay(scene: Scene) -> None:
        stream = await scene.dial()
        await stream.write(command)
        assert await scene.is_closed(stream)

    return lay


def exchange(**fields: Any) -> Callable[[Scene], Awaitable[None]]:
    async def lay(scene: Scene) -> None:
        stream = await scene.dial()
        odd = scene.message(1, later_s=fields.get("later_s", 0))
        batch = (scene.message(2), replace(odd, **fields.get("changed", {})), scene.message(3))
        await stream.ask(Command(CommandId.MEMPOOL, messages=batch))
        assert scene.node is not None
        values = [m.value for m in scene.node.state.mempool.list_since(1)]
        assert values == [2], "the rest of the batch is lost"

    return lay


async def send_too_many(scene: Scene) -> None:
    stream = await scene.dial()
    message = scene.message()
    await stream.ask(
        Command(CommandId.MEMPOOL, messages=(message,) * (scene.params.default_tunables.max_txs_to_sync + 1))
    )
    assert scene.node is not None
    assert scene.node.state.mempool.list_since(1) == []


def answer_blocksync(*heights: int) -> Callable[[Scene], Awaitable[None]]:
    async def lay(scene: Scene) -> None:
        blocks = scene.chain_of((ROUND, 0), (ROUND, 1), (ROUND, 2))
        genesis = measure(blocks[:1])
        scene.answers[CommandId.BLOCKINFO] = Command(CommandId.BLOCKINFO, height=genesis)
        chosen = tuple(blocks[height] for height in heights)
        scene.answers[CommandId.BLOCKSYNC] = Command(CommandId.BLOCKSYNC, blocks=chosen)
        scene.tell(measure(blocks))
        await asyncio.sleep(8)

    return lay


async def answer_roundblocks_elsewhere(scene: Scene) -> None:
    theirs = scene.chain_of((ROUND - 1, 0), (ROUND, 0), (ROUND, 1))
    ours = scene.chain_of((ROUND - 1, 1), (ROUND, 0))
    for block in ours[1:]:
        await scene.push(block)
    scene.answers[CommandId.ROUNDBLOCKS] = Command(CommandId.ROUNDBLOCKS, blocks=tuple(theirs[2:]))
    scene.tell(measure(theirs))
    await asyncio.sleep(8)


async def answer_blockinfo_empty(scene: Scene) -> None:
    ours = scene.chain_of((ROUND - 1, 1), (ROUND - 1, 2))
    for block in ours[1:]:
        await scene.push(block)
    further = [*ours, scene.block(ours[-1], 0)]
    scene.answers[CommandId.BLOCKINFO] = Command(CommandId.BLOCKINFO, height=ChainHeight(0, 0, 0, b""))
    scene.answers[CommandId.BLOCKSYNC] = Command(CommandId.BLOCKSYNC)
    scene.tell(measure(further))
    await asyncio.sleep(5)
    assert scene.chain.tip.height == 0, "it deletes its last block, then the next"


async def register_a_wrong_port(scene: Scene) -> None:
    assert scene.node is not None
    source = scene.node._pow
    original = source.get_registered

    async def spoiled(round_: int) -> Any:
        listed = await original(round_)
        entries = tuple(replace(e, port="6969x") if e.ip == scene.ip else e for e in listed.entries)
        return replace(listed, entries=entries)

    source.get_registered = spoiled  # type: ignore[method-assign]
    await scene.cluster.run_until(ROUND + 1)
    await asyncio.sleep(3)


async def send_an_unknown_command(scene: Scene) -> None:
    stream = await scene.dial()
    await stream.write(Command(CommandId.GETCONFIG))
    assert await scene.is_closed(stream)


async def send_an_empty_frame(scene: Scene) -> None:
    stream = await scene.dial()
    await stream._transport.write(struct.pack(">i", -1))
    assert await scene.is_closed(stream)


async def take_a_name_twice(scene: Scene) -> None:
    first = await scene.dial()
    second = await scene.dial()
    second.close()
    await asyncio.sleep(1)
    await first.write(Command(CommandId.STATUS))
    assert await scene.is_closed(first)


async def tell_a_height_once(scene: Scene) -> None:
    stream = await scene.dial(0)
    await stream.ask(Command(CommandId.HEIGHT, height=measure(scene.chain_of())))


BLOCK_COMMAND = Command(CommandId.BLOCK)
LAID: dict[str, tuple[Trap, Callable[[Scene], Awaitable[None]]]] = {
    "a gap": (Trap.PUSHED_HEIGHT, push_a_gap),
    "twice": (Trap.PUSHED_TWICE, push_twice),
    "a quote in params": (Trap.QUOTE, push_with(params="it's")),
    "a quote in the recipient": (Trap.QUOTE, push_with(recipient="'" * 34)),
    "a NUL": (Trap.NUL, push_with(params="a\0b")),
    "a number": (Trap.NUMERIC_PARAMS, push_with(params="123")),
    "a number with an exponent": (Trap.NUMERIC_PARAMS, push_with(params=" 1e3")),
    "ping": (Trap.COMMAND_AFTER_HELLO, after_hello(Command(CommandId.PING))),
    "ok": (Trap.COMMAND_AFTER_HELLO, after_hello(Command(CommandId.OK))),
    "ko": (Trap.COMMAND_AFTER_HELLO, after_hello(Command(CommandId.KO))),
    "peers": (Trap.COMMAND_AFTER_HELLO, after_hello(Command(CommandId.PEERS))),
    "block": (Trap.COMMAND_AFTER_HELLO, after_hello(BLOCK_COMMAND)),
    "test": (Trap.COMMAND_AFTER_HELLO, after_hello(Command(CommandId.TEST))),
    "a second hello": (Trap.COMMAND_AFTER_HELLO, after_hello(Command(CommandId.HELLO, string="x"))),
    "getheaders": (Trap.MALFORMED_QUERY, after_hello(Command(CommandId.GETHEADERS, string="a,b"))),
    "gettx": (Trap.MALFORMED_QUERY, after_hello(Command(CommandId.GETTX, string="no hex"))),
    "a bad signature": (Trap.BAD_MESSAGE, exchange(changed={"value": 77})),
    "the future": (Trap.FUTURE_MESSAGE, exchange(later_s=7)),
    "too many": (Trap.TOO_MANY_MESSAGES, send_too_many),
    "blocksync from elsewhere": (Trap.BLOCKSYNC_GAP, answer_blocksync(2, 3)),
    "blocksync with a gap": (Trap.BLOCKSYNC_GAP, answer_blocksync(1, 3)),
    "blocksync empty": (Trap.BLOCKSYNC_EMPTY, answer_blocksync()),
    "roundblocks": (Trap.ROUNDBLOCKS_ELSEWHERE, answer_roundblocks_elsewhere),
    "blockinfo": (Trap.BLOCKINFO_EMPTY, answer_blockinfo_empty),
    "a port": (Trap.REGISTERED_PORT, register_a_wrong_port),
    "an unknown id": (Trap.UNKNOWN_COMMAND, send_an_unknown_command),
    "an empty frame": (Trap.EMPTY_FRAME, send_an_empty_frame),
    "a name twice": (Trap.NAME_TAKEN, take_a_name_twice),
    "a height over a one-off": (Trap.HEIGHT_OVER_ONE_OFF, tell_a_height_once),
}


@pytest.mark.parametrize("name", LAID)
def test_a_trap_that_is_laid_is_sprung(name: str) -> None:
    trap, lay = LAID[name]

    async def scenario(scene: Scene) -> None:
        node = await scene.begin()
        await lay(scene)
        assert trap in scene.sprung
        assert bool(node.state.stopped) is (EFFECTS[trap] is Effect.STOPS)
        if node.state.stopped:
            with pytest.raises(TransportClosed):
                await scene.dial()

    play(scenario)


def test_every_trap_has_an_effect_and_a_test() -> None:
    assert set(EFFECTS) == set(Trap)
    assert {trap for trap, _ in LAID.values()} == set(Trap)
