"""Typed questions to a peer.  Each checks that the answer fits the question.

An answer of another kind, or blocks that are not those asked for, are the peer's fault (Reject); what
it says about the chain is judged elsewhere.
"""

from __future__ import annotations

from hypernode.core.errors import Reject
from hypernode.core.rules import Rule
from hypernode.core.types import Block, ChainHeight, Height, Message, Round
from hypernode.net.client_session import ClientSession
from hypernode.net.stream import UnparsedAnswer
from hypernode.ports.connections import TransportClosed
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command

ANSWER_TIMEOUT_S = 90.0
"""A legacy node answers nothing while it derives a round: wait that long (spec 2, silence)."""


async def ask(session: ClientSession, command: Command, timeout_s: float = ANSWER_TIMEOUT_S) -> Command:
    """Send a command and take its answer of the same kind.  Raises Reject for another kind, and
    TransportClosed for a refusal: a peer that cannot serve what we ask (because it pruned it) does not
    lie."""
    answer = await session.request(command, timeout_s)
    check_kind(answer, command.id)
    return answer


def check_kind(answer: Command | UnparsedAnswer, asked: CommandId) -> None:
    """Check the kind of an answer; raises like ``ask``."""
    if answer.id is CommandId.KO:
        raise TransportClosed(f"{asked.name} was refused")
    if answer.id is not asked:
        raise Reject(Rule.WIRE, f"{asked.name} answered with {answer.id.name}")


async def ask_height(
    session: ClientSession, own: ChainHeight, juror: str | None
) -> tuple[ChainHeight, str | None]:
    """Exchange heights: theirs, and whom they hold for the slot's juror."""
    answer = await ask(session, Command(CommandId.HEIGHT, height=own, height_forger=juror))
    if answer.height is None:
        raise Reject(Rule.WIRE, "height without a height")
    return answer.height, answer.height_forger


async def ask_mempool(session: ClientSession, messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Exchange what is new since the last time."""
    return (await ask(session, Command(CommandId.MEMPOOL, messages=messages))).messages


async def ask_all_messages(session: ClientSession) -> tuple[Message, ...]:
    """All that the peer's mempool holds, in the first exchange of a connection."""
    return (await ask(session, Command(CommandId.MEMPOOL, int32=1))).messages


async def ask_block_info(session: ClientSession, height: Height) -> ChainHeight | None:
    """The block at a height as the peer has it; None when it has none."""
    answer = await ask(session, Command(CommandId.BLOCKINFO, int32=height))
    if answer.height is None or not answer.height.block_hash:
        return None
    if answer.height.height != height:
        raise Reject(Rule.WIRE, f"blockinfo of {height} answered with {answer.height.height}")
    return answer.height


async def ask_last_header(session: ClientSession) -> Block | None:
    """The peer's last block without its messages (``getheaders ,1``: no side effect there)."""
    answer = await ask(session, Command(CommandId.GETHEADERS, string=",1"))
    return answer.blocks[0] if answer.blocks else None


async def ask_blocks(session: ClientSession, first: Height) -> tuple[Block, ...]:
    """A batch of whole blocks from ``first`` on; none when the peer has no more."""
    answer = await ask(session, Command(CommandId.BLOCKSYNC, int32=first))
    check_run(answer.blocks, first)
    return answer.blocks


async def ask_unparsed_blocks(session: ClientSession, first: Height) -> tuple[Block, ...] | UnparsedAnswer:
    """The same; a long answer as it came, to be given to ``check_run`` once it is parsed."""
    answer = await session.request_unparsed(Command(CommandId.BLOCKSYNC, int32=first), ANSWER_TIMEOUT_S)
    check_kind(answer, CommandId.BLOCKSYNC)
    if isinstance(answer, UnparsedAnswer):
        return answer
    check_run(answer.blocks, first)
    return answer.blocks


async def ask_block(session: ClientSession, height: Height) -> Block | None:
    """A whole block; None when the peer has none.  Raises OverLimit for one that is larger than a pushed one
    may be (``node.sync.giant_blocks`` asks for those)."""
    return check_block(await ask(session, Command(CommandId.GETBLOCK, int32=height)), height)


def check_block(answer: Command, height: Height) -> Block | None:
    """The block of that height in an answer to getblock."""
    check_kind(answer, CommandId.GETBLOCK)
    check_run(answer.blocks[:1], height)
    return answer.blocks[0] if answer.blocks else None


async def ask_round_blocks(session: ClientSession, round_: Round) -> tuple[Block, ...]:
    """All blocks of a round."""
    answer = await ask(session, Command(CommandId.ROUNDBLOCKS, int32=round_))
    if any(block.round != round_ for block in answer.blocks):
        raise Reject(Rule.WIRE, f"roundblocks of {round_} with blocks of other rounds")
    if answer.blocks:
        check_run(answer.blocks, answer.blocks[0].height)
    return answer.blocks


def check_run(blocks: tuple[Block, ...], first: Height) -> None:
    """Raises Reject if they are not the blocks from a height on."""
    if any(block.height != first + place for place, block in enumerate(blocks)):
        raise Reject(Rule.WIRE, f"blocks from {first} on are not in a row")
