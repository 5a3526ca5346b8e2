"""The answering side of a simulated legacy node (spec 2, commands; spec 8).

One entry is kept per peer name; it belongs to the connection that said hello last, and goes with whichever
of that name closes first: then the other one breaks at its next frame.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from hypernode.core.errors import Reject
from hypernode.core.kinds import WAS_TESTED, format_peer_name
from hypernode.core.types import Height
from hypernode.node.base.json_shapes import height_to_object
from hypernode.ports.connections import Transport, TransportClosed
from hypernode.sim.legacy.state import LegacyState
from hypernode.sim.legacy.stream import LegacyStream
from hypernode.sim.legacy.traps import LegacyCloses, LegacyStops, Trap
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command
from hypernode.wire.hello import ONE_OFF_PORT, Hello, format_hello, get_posnet, parse_hello

NEWEST_HEADERS: Final = 20


class LegacyCaller:
    """A connection that came in: its name once it said hello, and since when it knows our mempool."""

    def __init__(self, stream: LegacyStream) -> None:
        self.stream = stream
        self.ip = stream.remote.ip
        self.hello: Hello | None = None
        self.since = 0

    @property
    def name(self) -> str:
        return format_peer_name(self.ip, self.hello.port if self.hello else 0)


Answerer = Callable[[LegacyCaller, Command], Awaitable[Command | None]]


class LegacyServing:
    """Answers for one life of a node."""

    def __init__(self, state: LegacyState) -> None:
        self._state = state
        self._streams: dict[LegacyStream, None] = {}
        self._answers: Mapping[CommandId, Answerer] = {
            CommandId.STATUS: self._status,
            CommandId.TX: self._tx,
            CommandId.MEMPOOL: self._mempool,
            CommandId.UPDATE: self._nothing,
            CommandId.HEIGHT: self._height,
            CommandId.BLOCKINFO: self._blockinfo,
            CommandId.BLOCKSYNC: self._blocksync,
            CommandId.ROUNDBLOCKS: self._roundblocks,
            CommandId.GETBLOCK: self._getblock,
            CommandId.GETTX: self._gettx,
            CommandId.GETHEADERS: self._getheaders,
            CommandId.GETROUND: self._getround,
            CommandId.GETHEIGHTS: self._getheights,
        }

    def close_all(self) -> None:
        for stream in list(self._streams):
            stream.close()

    async def serve(self, transport: Transport) -> None:
        """Live with one connection until it ends."""
        state = self._state
        caller = LegacyCaller(LegacyStream(transport, state.traps))
        self._streams[caller.stream] = None
        try:
            while not state.stop.is_set():
                command = await caller.stream.read()
                await state.free.wait()
                if caller.hello is None:
                    await self._begin(caller, command)
                else:
                    await self._answer(caller, command)
        except LegacyStops as error:
            state.halt(str(error))
        except (TransportClosed, TimeoutError, LegacyCloses):
            pass
        finally:
            self._streams.pop(caller.stream, None)
            if caller.hello is not None:
                state.inbound.pop(caller.name, None)
            caller.stream.close()

    # --- before hello ------------------------------------------------------------------------------

    async def _begin(self, caller: LegacyCaller, command: Command) -> None:
        if command.id is CommandId.BLOCK:
            await self._take_blocks(caller, command)
            raise LegacyCloses("a pushed block is all that comes")
        if command.id is CommandId.TEST:
            await self._take_test(caller, command)
            raise LegacyCloses("a test is all that comes")
        if command.id is not CommandId.HELLO:
            await self._refuse(caller, "Did not say hello")
        text = command.string or ""
        if get_posnet(text) not in self._state.params.default_tunables.posnet_allow:
            await self._refuse(caller, f"Bad Posnet {get_posnet(text)}")
        try:
            caller.hello = parse_hello(text)
        except Reject as problem:
            raise LegacyCloses(problem.reason) from None
        if caller.name in self._state.inbound:
            self._state.traps.spring(Trap.NAME_TAKEN, caller.ip, caller.name)
        self._state.inbound[caller.name] = caller.stream
        own = Hello(self._state.params.posnet, self._state.own.port, self._state.signer.address)
        await caller.stream.write(Command(CommandId.HELLO, string=format_hello(own)))

    async def _refuse(self, caller: LegacyCaller, reason: str) -> None:
        await caller.stream.write(Command(CommandId.KO, string=reason))
        raise LegacyCloses(reason)

    async def _take_blocks(self, caller: LegacyCaller, command: Command) -> None:
        """The forger must be registered, and send from its IP; nothing else is asked of it here."""
        state = self._state
        for block in command.blocks:
            forgers = {entry.pos for entry in state.listed.get(caller.ip, ())}
            if block.forger not in forgers:
                raise LegacyCloses("a block from another IP than its forger's")
            if state.chain.digest(block, caller.ip, is_pushed=True):
                state.mempool.remove(block.messages)
                state.note(f"block {block.height} ({block.round}, {block.sir}) from {caller.ip}")

    async def _take_test(self, caller: LegacyCaller, command: Command) -> None:
        """It gives the frame back as it came."""
        state = self._state
        if not state.is_registered_ip(caller.ip) or len(command.messages) != 1:
            raise LegacyCloses("not a test of a hypernode")
        asked = command.messages[0]
        plans = [plan for plan in (state.plan, state.previous_plan) if plan is not None]
        tests = [t for plan in plans for tests in plan.tests for t in tests]
        if any(
            (t.tester, t.tested, f"TEST:{t.kind}") == (asked.sender, state.signer.address, asked.params)
            for t in tests
        ):
            state.publish(WAS_TESTED, asked.sender, asked.params, int(state.clock.now()))
        await caller.stream.write(Command(CommandId.TEST, messages=command.messages))

    # --- after it ----------------------------------------------------------------------------------

    async def _answer(self, caller: LegacyCaller, command: Command) -> None:
        if self._state.inbound.get(caller.name) is None:
            raise LegacyCloses("another connection of its name took its entry along")
        answerer = self._answers.get(command.id)
        if answerer is None:
            if command.id not in (CommandId.GETHYPERNODES, CommandId.GETADDTXS):
                self._state.traps.spring(Trap.COMMAND_AFTER_HELLO, caller.ip, command.id.name)
            raise LegacyCloses(f"{command.id.name} is not for everybody")
        answer = await answerer(caller, command)
        if answer is not None:
            await caller.stream.write(answer)

    async def _nothing(self, caller: LegacyCaller, command: Command) -> None:
        return None

    async def _status(self, caller: LegacyCaller, command: Command) -> Command:
        state = self._state
        shown = {
            "chain": height_to_object(state.chain.height),
            "mempool": {"NB": len(state.mempool)},
            "peers": {"outbound": sorted(state.outbound), "inbound": sorted(state.inbound)},
        }
        return Command(CommandId.STATUS, string=json.dumps(shown))

    async def _tx(self, caller: LegacyCaller, command: Command) -> Command:
        """ok also for what it silently ignores."""
        is_good = await self._state.digest_messages(command.messages, caller.ip)
        return Command(CommandId.OK if is_good else CommandId.KO)

    async def _mempool(self, caller: LegacyCaller, command: Command) -> Command:
        """The first exchange of a connection gives all, the int32 is ignored."""
        state = self._state
        if state.is_registered_ip(caller.ip):
            await state.digest_messages(command.messages, caller.ip)
        found = state.mempool.list_since(caller.since)[: state.params.default_tunables.max_txs_to_sync]
        caller.since = int(state.clock.now())
        return Command(CommandId.MEMPOOL, messages=tuple(found))

    async def _height(self, caller: LegacyCaller, command: Command) -> Command:
        state = self._state
        if caller.hello is not None and command.height is not None:
            if caller.hello.port == ONE_OFF_PORT:
                state.traps.spring(Trap.HEIGHT_OVER_ONE_OFF, caller.ip)
            state.note_height(caller.ip, caller.hello.port, command.height)
        return Command(CommandId.HEIGHT, height=state.chain.height)

    async def _blockinfo(self, caller: LegacyCaller, command: Command) -> Command:
        return Command(CommandId.BLOCKINFO, height=self._state.chain.get_info(_to_height(command)))

    async def _blocksync(self, caller: LegacyCaller, command: Command) -> Command:
        state = self._state
        blocks = state.chain.get_blocks(_to_height(command), state.params.default_tunables.block_sync_count)
        return Command(CommandId.BLOCKSYNC, blocks=blocks)

    async def _roundblocks(self, caller: LegacyCaller, command: Command) -> Command:
        blocks = self._state.chain.get_round_blocks(_to_height(command))
        return Command(CommandId.ROUNDBLOCKS, blocks=blocks)

    async def _getblock(self, caller: LegacyCaller, command: Command) -> Command:
        return Command(CommandId.GETBLOCK, blocks=self._state.chain.get_blocks(_to_height(command), 1))

    async def _gettx(self, caller: LegacyCaller, command: Command) -> Command:
        try:
            txid = bytes.fromhex(command.string or "")
        except ValueError:
            self._state.traps.spring(Trap.MALFORMED_QUERY, caller.ip, "gettx")
            raise LegacyCloses("gettx") from None
        found = self._state.chain.find_message(txid)
        return Command(CommandId.GETTX, messages=(found,) if found else ())

    async def _getheaders(self, caller: LegacyCaller, command: Command) -> Command:
        """Nothing, ``None`` or ``,n``: newest first; ``start,n``: ascending."""
        first, _, count = (command.string or "").replace("None", "").partition(",")
        if not all(part == "" or part.isdecimal() for part in (first, count)) or (first and not count):
            self._state.traps.spring(Trap.MALFORMED_QUERY, caller.ip, "getheaders")
        headers = self._state.chain.get_headers(
            int(first) if first else None, int(count) if count else NEWEST_HEADERS
        )
        return Command(CommandId.GETHEADERS, blocks=headers)

    async def _getround(self, caller: LegacyCaller, command: Command) -> Command:
        plan = self._state.plan
        slots = [[juror.address, juror.ticket] for juror in plan.jurors] if plan else []
        return Command(CommandId.GETROUND, string=json.dumps({"slots": slots}))

    async def _getheights(self, caller: LegacyCaller, command: Command) -> Command:
        reported = {name: height_to_object(t.height) for name, t in self._state.reported.items()}
        return Command(CommandId.GETHEIGHTS, string=json.dumps(reported))


def _to_height(command: Command) -> Height:
    """Negative numbers, or none: it closes."""
    if command.int32 is None or command.int32 < 0:
        raise LegacyCloses("no height")
    return command.int32
