"""Attacks that need a slot of the attacker's, and so a round's time: ``make flood`` plays them when named."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from hypernode.app.system_clock import SystemClock
from hypernode.core.forging import seal_block
from hypernode.core.timeline import compute_round_slot, compute_slot_start
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command, encode_command
from tests.floods.arena import Arena
from tests.floods.attacks import Flood, frame_legacy, gather, say, scale_count

AT_ONCE: Final = 20


async def equivocations(arena: Arena, scale: float) -> None:
    """10,000 blocks for one slot, all well sealed by its juror."""
    round_, sir = await _wait_for_slot(arena)
    rogue, parent = arena.rogue, (await arena.ask_newest())[-1]
    for _ in range(0, scale_count(10_000, scale), AT_ONCE):
        now = int(compute_slot_start(arena.params, round_, sir)) + 1
        frames = []
        for _ in range(AT_ONCE):
            # each has its own first messages, and with them its own hash
            wallets = (arena.rogue, arena.peer) * 2
            held = [arena.make_message(wallet) for wallet in wallets]
            held.sort(key=lambda message: message.timestamp)
            block = seal_block(rogue.sign, rogue.address, parent, round_, sir, now, held)
            frames.append(frame_legacy(encode_command(Command(CommandId.BLOCK, blocks=(block,)))))
        await gather(say(arena, arena.rogue_ip, frame, listen_s=0.05) for frame in frames)


async def _wait_for_slot(arena: Arena) -> tuple[int, int]:
    """Until a slot of the attacker's has begun."""
    while True:
        await arena.ask_jurors()
        round_, sir = compute_round_slot(arena.params, SystemClock().now())
        jurors = arena.jurors.get(round_, ())
        if sir < len(jurors) and jurors[sir] == arena.rogue.address:
            return round_, sir
        await asyncio.sleep(arena.params.slot_s / 4)


TRIALS: Final[Mapping[str, Flood]] = {trial.__name__: trial for trial in (equivocations,)}
