"""The commands of the network as one table, and every limit of the wire as another (spec 2).

A command's row says what it is asked and answered with, who may ask, whether it needs a hello or a peer
with features, how large question and answer may be (names of ``Limits``), and what it costs the asker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, Flag, IntEnum, auto
from types import MappingProxyType
from typing import Final

_KIB: Final = 1024
_MIB: Final = 1024 * _KIB


class CommandId(IntEnum):
    """Field 1 of a ``Command``."""

    HELLO = 0
    OK = 1
    KO = 2
    PING = 3
    PEERS = 4
    STATUS = 5
    BLOCK = 6
    TX = 7
    MEMPOOL = 8
    UPDATE = 9
    HEIGHT = 10
    BLOCKINFO = 11
    BLOCKSYNC = 12
    ROUNDBLOCKS = 13
    GETBLOCK = 14
    GETADDTXS = 15
    GETTX = 16
    GETHEADERS = 17
    GETROUND = 18
    GETHYPERNODES = 19
    TEST = 20
    GETHEIGHTS = 21
    GETCONFIG = 22
    AUTH = 30


LAST_LEGACY_ID: Final = CommandId.GETHEIGHTS
"""Ids above it go to peers that announced features only: a legacy parser takes them for hello."""


class Values(Flag):
    """What a command can carry."""

    NOTHING = auto()
    STRING = auto()
    INT32 = auto()
    HEIGHT = auto()
    BLOCKS = auto()
    MESSAGES = auto()
    IPS = auto()
    HASHES = auto()
    PROOF = auto()


class TakesTurn(Enum):
    """Whether a question of this kind waits for its turn, and whose does (``net.turns``)."""

    NOBODYS = "it costs little, or must not wait"
    STRANGERS = "it costs little: hypernodes that count are not kept waiting"
    EVERYBODYS = "it reads the chain"


class Who(Enum):
    """Who may ask (spec 2, who may do what)."""

    ANYONE = "anyone that said hello"
    LISTENED = "anyone; what others than registered IPs send is not used"
    SENDERS = "anyone, but the sender of each message must be registered"
    REGISTERED = "IPs of registered hypernodes"
    QUERY_LIST = "IPs in ALLOW_QUERIES_FROM"
    UPDATE_LIST = "IPs in ALLOW_UPDATES_FROM, when AUTO_UPDATE is on"
    NOBODY = "it is an answer"


@dataclass(frozen=True, slots=True)
class Limits:
    """Every limit of spec 2, overridable one by one.  Times in seconds, sizes in bytes of payload."""

    first_frame_s: float = 10.0
    """To its first byte: who dials has its hello ready."""
    first_frame_bytes: int = 4 * _KIB
    """A hello has 200; a stranger is given no room for more."""
    first_frame_registered_bytes: int = 3 * _MIB
    """A registered juror pushes its block without hello."""
    frame_s: float = 30.0
    """From first to last byte: 2 MiB at 0.6 Mbit/s."""
    pushed_block_frame_s: float = 45.0
    """A legacy juror pushes to all at once, over one uplink."""
    write_s: float = 90.0
    """For a piece of a frame of ours to leave; a whole one has so long and what ``least_rate`` gives it."""
    pushed_block_bytes: int = 3 * _MIB
    """3,000 messages are 0.7; 10,000 with short params still fit."""
    one_block_bytes: int = 3 * _MIB + 64 * _KIB
    """Getblock's answer: any block that may be pushed, and what else the frame has."""
    giant_block_bytes: int = 32 * _MIB
    """Getblock's answer when the block is known to be larger: rule 15, and what else the frame has."""
    mixed_block_bytes: int = 100 * _MIB + 64 * _KIB
    """The same on mixed networks: what legacy nodes read, so that most of them may hold it."""
    giant_block_s: float = 300.0
    """For that answer to come: 100 MiB at 3 Mbit/s."""
    giant_block_messages: int = 600_000
    """100 MiB of the shortest messages."""
    giant_block_fields: int = 7_000_000
    """Of them, ten a message and some."""
    many_blocks_bytes: int = 32 * _MIB
    """Answers to blocksync and roundblocks: 20 blocks of the largest that are forged, twice over."""
    block_messages: int = 10_000
    """Messages a block: what a block of the network may hold at most."""
    frame_fields: int = 110_000
    """Tags a frame: a block of 10,000 messages has 100,000 and its own."""
    many_blocks_fields: int = 1_200_000
    """Tags in an answer with many blocks: 20 blocks of 3,000 messages have half of it."""
    mempool_bytes: int = 2 * _MIB
    """For mempool and tx: 2,000 messages are 0.5."""
    mempool_messages: int = 2_000
    """MAX_TXS_TO_SYNC; legacy nodes ignore a frame with more."""
    request_bytes: int = 64 * _KIB
    """Requests are short; 64 is what is read at once anyway."""
    test_bytes: int = 320 * _KIB
    """The bandwidth test is padded with 256."""
    answer_bytes: int = 2 * _MIB
    """Any other answer that we asked for: a status is some 0.1, 100 messages 0.03."""
    silence_s: float = 90.0
    """A legacy node answers nothing while it derives a round: wait that long."""
    faults: int = 3
    """Damaged frames on a checked stream that end the session, within ``fault_span_s``."""
    fault_span_s: float = 60.0
    """A minute: TCP damages far less."""
    sessions: int = 300
    """All sessions that came in: every hypernode of the network, each way, with room."""
    sessions_per_ip: int = 3
    """An operator's tools beside a node."""
    sessions_per_registered_ip: int = 6
    """A legacy node's link, its pushed block, its test, and what is closing."""
    sessions_kept: int = 100
    """A third is kept free for hypernodes that count: strangers cannot take all."""
    sessions_per_site: int = 8
    """Of strangers from one /24 (/48): what one tenant of a provider has for the price of one address."""
    sessions_of_operator: int = 8
    """Beside all others, for loopback and ALLOW_QUERIES_FROM: a page, a script, a terminal, each twice."""
    readers_of_peers: int = 4
    """Of the ledger, for questions of hypernodes that count: so many catch up at once at full speed."""
    readers_of_strangers: int = 2
    """For everybody else's: one that asks for much delays others, two do not delay the node."""
    share_of_strangers: float = 0.25
    """Of one core, for all questions of strangers; in bytes, 4 MiB/s."""
    share_of_peers: float = 1.0
    """For those of hypernodes that count: 16 MiB/s, three that catch up as fast as they can."""
    question_wait_s: float = 85.0
    """Who is over budget waits so long at most: a legacy node gives up after 90."""
    round_wait_s: float = 50.0
    """For roundblocks: a legacy node gives up on them after a minute."""
    answer_of_blocks_bytes: int = 4 * _MIB
    """An answer with many blocks ends here, or with its first: 20 blocks of 800 messages."""
    answer_to_stranger_bytes: int = _MIB
    """The same to a stranger: a turn of theirs ends sooner, so that a small question waits less for it."""
    whole_round_bytes: int = 58 * _MIB
    """Roundblocks to a legacy node, which takes a part for the whole: 19 blocks of 3 MiB and a bit."""
    waiting_bytes: int = 64 * _MIB
    """Answers that are made and not written yet, of all sessions: sixteen of the largest."""
    receiving_bytes: int = 32 * _MIB
    """Questions that are under way or wait, of all sessions: ten pushed blocks of the largest at once."""
    receiving_stranger_bytes: int = 8 * _MIB
    """Of strangers: four of the largest, or a hundred of the usual."""
    least_rate: int = 32 * _KIB
    """Bytes a second at which an answer must be read, on the whole; who reads slower holds our memory."""
    stall_s: float = 30.0
    """A stranger that takes no byte for so long is ended; a registered one after ``write_s``."""
    hold_first_s: float = 4.0
    """After the first offence: longer than a careless client takes to come back."""
    hold_max_s: float = 3_600.0
    """Doubling ends here: addresses change hands."""
    hold_forget_s: float = 7_200.0
    """Without an offence this long, the next one counts as the first."""
    known_ips: int = 4_096
    """IPs whose holds and buckets are remembered, so that the table cannot grow."""
    session_burst: float = 200.0
    """Tokens of a session at rest: a script that asks page after page."""
    session_rate: float = 20.0
    """Tokens a second that come back; a plain question costs one."""
    registered_ease: float = 10.0
    """A registered hypernode's questions cost this much less: 20 block answers a second, the whole chain to
    catch up with."""
    ip_burst: float = 400.0
    """The same for all sessions of an IP: two of them at full rate."""
    ip_rate: float = 40.0
    """Tokens a second for an IP."""


LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """One row of the table.  ``question_limit`` and ``answer_limit`` name fields of ``Limits``; ``cost`` is
    in tokens."""

    id: CommandId
    asked_with: Values
    answered_with: Values
    who: Who
    question_limit: str = "request_bytes"
    answer_limit: str = "answer_bytes"
    cost: float = 1.0
    is_before_hello: bool = False
    is_feature_only: bool = False
    turn: TakesTurn = TakesTurn.STRANGERS

    @property
    def name(self) -> str:
        """As in spec 2, lower case."""
        return self.id.name.lower()


_V = Values
_C = CommandId
_ROWS: Final = (
    CommandSpec(
        _C.HELLO,
        _V.STRING,
        _V.STRING,
        Who.ANYONE,
        answer_limit="request_bytes",
        is_before_hello=True,
        turn=TakesTurn.NOBODYS,
    ),
    CommandSpec(
        _C.OK, _V.NOTHING, _V.NOTHING, Who.NOBODY, answer_limit="request_bytes", turn=TakesTurn.NOBODYS
    ),
    CommandSpec(
        _C.KO, _V.STRING, _V.NOTHING, Who.NOBODY, answer_limit="request_bytes", turn=TakesTurn.NOBODYS
    ),
    CommandSpec(_C.PING, _V.NOTHING, _V.NOTHING, Who.ANYONE, answer_limit="request_bytes"),
    CommandSpec(_C.PEERS, _V.NOTHING, _V.IPS, Who.ANYONE),
    CommandSpec(_C.STATUS, _V.NOTHING, _V.STRING, Who.ANYONE, cost=2),
    CommandSpec(
        _C.BLOCK,
        _V.BLOCKS,
        _V.NOTHING,
        Who.REGISTERED,
        "pushed_block_bytes",
        cost=2,
        is_before_hello=True,
        turn=TakesTurn.NOBODYS,
    ),
    CommandSpec(_C.TX, _V.MESSAGES, _V.NOTHING | _V.STRING, Who.SENDERS, "mempool_bytes", cost=2),
    CommandSpec(
        _C.MEMPOOL,
        _V.NOTHING | _V.INT32 | _V.MESSAGES,
        _V.MESSAGES,
        Who.LISTENED,
        "mempool_bytes",
        "mempool_bytes",
        cost=2,
    ),
    CommandSpec(_C.UPDATE, _V.STRING, _V.NOTHING | _V.STRING, Who.UPDATE_LIST),
    CommandSpec(_C.HEIGHT, _V.HEIGHT, _V.HEIGHT, Who.LISTENED),
    CommandSpec(_C.BLOCKINFO, _V.INT32, _V.HEIGHT, Who.ANYONE, turn=TakesTurn.EVERYBODYS),
    CommandSpec(
        _C.BLOCKSYNC,
        _V.INT32,
        _V.NOTHING | _V.BLOCKS,
        Who.ANYONE,
        answer_limit="many_blocks_bytes",
        cost=10,
        turn=TakesTurn.EVERYBODYS,
    ),
    CommandSpec(
        _C.ROUNDBLOCKS,
        _V.INT32,
        _V.NOTHING | _V.BLOCKS,
        Who.ANYONE,
        answer_limit="many_blocks_bytes",
        cost=10,
        turn=TakesTurn.EVERYBODYS,
    ),
    # A block that may be pushed may be asked for (docs/adr/0011), and a larger one too (docs/adr/0019).
    CommandSpec(
        _C.GETBLOCK,
        _V.INT32,
        _V.NOTHING | _V.BLOCKS,
        Who.ANYONE,
        answer_limit="one_block_bytes",
        cost=4,
        turn=TakesTurn.EVERYBODYS,
    ),
    CommandSpec(
        _C.GETADDTXS, _V.STRING, _V.NOTHING | _V.MESSAGES, Who.ANYONE, cost=2, turn=TakesTurn.EVERYBODYS
    ),
    CommandSpec(_C.GETTX, _V.STRING, _V.NOTHING | _V.MESSAGES, Who.ANYONE, turn=TakesTurn.EVERYBODYS),
    CommandSpec(
        _C.GETHEADERS,
        _V.NOTHING | _V.STRING,
        _V.NOTHING | _V.BLOCKS,
        Who.ANYONE,
        cost=2,
        turn=TakesTurn.EVERYBODYS,
    ),
    CommandSpec(_C.GETROUND, _V.NOTHING, _V.STRING, Who.ANYONE, cost=2),
    CommandSpec(
        _C.GETHYPERNODES,
        _V.NOTHING | _V.STRING,
        _V.STRING,
        Who.QUERY_LIST,
        cost=10,
        turn=TakesTurn.EVERYBODYS,
    ),
    CommandSpec(
        _C.TEST,
        _V.MESSAGES | _V.HASHES,
        _V.MESSAGES | _V.HASHES,
        Who.REGISTERED,
        "test_bytes",
        "test_bytes",
        cost=2,
        is_before_hello=True,
        turn=TakesTurn.NOBODYS,
    ),
    CommandSpec(_C.GETHEIGHTS, _V.NOTHING, _V.STRING, Who.ANYONE, cost=2),
    CommandSpec(_C.GETCONFIG, _V.NOTHING, _V.STRING, Who.ANYONE, is_feature_only=True),
    CommandSpec(
        _C.AUTH, _V.PROOF, _V.NOTHING | _V.STRING, Who.ANYONE, is_feature_only=True, turn=TakesTurn.NOBODYS
    ),
)

COMMANDS: Final[Mapping[CommandId, CommandSpec]] = MappingProxyType({row.id: row for row in _ROWS})
"""The table; a test checks that it is complete."""


def get_question_limit(limits: Limits, command_id: CommandId) -> int:
    """Most bytes that a question may have."""
    return int(getattr(limits, COMMANDS[command_id].question_limit))


def get_answer_limit(limits: Limits, command_id: CommandId) -> int:
    """Most bytes that an answer we asked for may have."""
    return int(getattr(limits, COMMANDS[command_id].answer_limit))
