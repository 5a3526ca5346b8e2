"""What a client can ask, as a table: the command, its parameter, and what the answer means (spec 6, command
lines).

Pure: commands and answers in, JSON values out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NoReturn, TypeVar

from hypernode.core.address import find_address_violation
from hypernode.core.errors import Ignore
from hypernode.node.base.json_shapes import block_to_object, message_to_list
from hypernode.node.rpc.queries import parse_address_query, parse_headers, parse_hypernodes
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command

T = TypeVar("T")

_INT32_MAX: Final = 2**31 - 1
_HEADERS: Final = "start,count or ,count (the newest)"
_HYPERNODES: Final = "1,from,to (rounds, with KPIs), 0,from,to, or 2,0,round"
_ADDRESS: Final = "address, or address,height, or address,id to begin from"
_ALL_MESSAGES: Final = 1
"""int32 of a mempool question: everything, not only what is new."""


class BadParam(ValueError):
    """A parameter that the action cannot use: what was expected."""


class BadAnswer(ValueError):
    """An answer that is none to the question."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON value; ``is_negative``: asked and answered, there is no such thing."""

    value: object
    is_negative: bool = False


@dataclass(frozen=True, slots=True)
class Action:
    """One row.  ``param`` says what the parameter is, empty where there is none; ``make`` gets it as text,
    empty where it was not given."""

    command: CommandId
    help: str
    make: Callable[[str], Command]
    read: Callable[[Command], Answer]
    param: str = ""
    is_param_needed: bool = False
    answered_with: CommandId | None = None
    """Id of the answer; None: that of the command."""


def make_question(action: Action, param: str) -> Command:
    """The command to send.  Raises BadParam."""
    if action.is_param_needed and not param:
        raise BadParam(f"needs --param: {action.param}")
    if not action.param and param:
        raise BadParam("takes no --param")
    return action.make(param)


def read_answer(action: Action, answer: Command) -> Answer:
    """What the answer says.  Raises BadAnswer."""
    if answer.id is not (action.answered_with or action.command):
        raise BadAnswer(f"{action.command.name.lower()} was answered with {answer.id.name.lower()}")
    return action.read(answer)


def _make_plain(command: CommandId) -> Callable[[str], Command]:
    return lambda param: Command(command)


def _make_with_text(command: CommandId) -> Callable[[str], Command]:
    return lambda param: Command(command, string=param or None)


def _make_with_number(command: CommandId) -> Callable[[str], Command]:
    return lambda param: Command(command, int32=_parse_number(param))


def _make_headers(param: str) -> Command:
    _understand(parse_headers, param, _HEADERS)
    return Command(CommandId.GETHEADERS, string=param)


def _make_hypernodes(param: str) -> Command:
    _understand(parse_hypernodes, param, _HYPERNODES)
    return Command(CommandId.GETHYPERNODES, string=param or None)


def _make_address_query(param: str) -> Command:
    query = _understand(parse_address_query, param, _ADDRESS)
    if broken := find_address_violation(query.address):
        raise BadParam(f"expected {_ADDRESS}, not {param!a}: {broken.reason}")
    return Command(CommandId.GETADDTXS, string=param)


def _understand(parse: Callable[[str], T], param: str, form: str) -> T:
    """As the node will, who would close without a word.  Raises BadParam."""
    try:
        return parse(param)
    except Ignore as refusal:
        raise BadParam(f"expected {form}, not {param!a}: {refusal.reason}") from None


def _make_mempool(param: str) -> Command:
    return Command(CommandId.MEMPOOL, int32=_ALL_MESSAGES)


def _make_gettx(param: str) -> Command:
    try:
        bytes.fromhex(param)
    except ValueError:
        raise BadParam(f"expected the id of a message in hexadecimal, not {param!a}") from None
    return Command(CommandId.GETTX, string=param.strip().lower())


def _parse_number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 10 and int(text) <= _INT32_MAX):
        raise BadParam(f"expected a number from 0 to {_INT32_MAX}, not {text!a}")
    return int(text)


def _read_ok(answer: Command) -> Answer:
    return Answer({"ok": True})


def _read_messages(answer: Command) -> Answer:
    return Answer([message_to_list(message) for message in answer.messages])


def _read_found_message(answer: Command) -> Answer:
    return _read_messages(answer) if answer.messages else Answer(False, is_negative=True)


def _read_block(answer: Command) -> Answer:
    return Answer(block_to_object(answer.blocks[0])) if answer.blocks else Answer(False, is_negative=True)


def _read_blocks(answer: Command) -> Answer:
    blocks = [block_to_object(block) for block in answer.blocks]
    return Answer(blocks) if blocks else Answer(False, is_negative=True)


def _read_json(answer: Command) -> Answer:
    if answer.string is None:
        raise BadAnswer("no text where JSON belongs")
    try:
        return Answer(json.loads(answer.string, parse_constant=_refuse_constant))
    except (ValueError, RecursionError):
        raise BadAnswer("text that is no JSON") from None


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def _read_nothing(answer: Command) -> NoReturn:
    raise BadAnswer("an answer where none belongs")


_C = CommandId
_HEIGHT: Final = "a height"

ACTIONS: Final[Mapping[str, Action]] = {
    "hello": Action(_C.HELLO, "who it is: posnet, port, address", _make_plain(_C.HELLO), _read_nothing),
    "ping": Action(
        _C.PING, "whether it answers, and how quickly", _make_plain(_C.PING), _read_ok, answered_with=_C.OK
    ),
    "status": Action(_C.STATUS, "its status", _make_plain(_C.STATUS), _read_json),
    "round": Action(_C.GETROUND, "the present round: slots, tests", _make_plain(_C.GETROUND), _read_json),
    "block": Action(
        _C.GETBLOCK, "a block with its messages", _make_with_number(_C.GETBLOCK), _read_block, _HEIGHT, True
    ),
    "tx": Action(_C.GETTX, "a message", _make_gettx, _read_found_message, "its id in hexadecimal", True),
    "address_txs": Action(
        _C.GETADDTXS,
        "messages of an address, at most 100",
        _make_address_query,
        _read_messages,
        _ADDRESS,
        True,
    ),
    "mempool": Action(_C.MEMPOOL, "messages in its mempool", _make_mempool, _read_messages),
    "blocksync": Action(
        _C.BLOCKSYNC,
        "blocks with their messages",
        _make_with_number(_C.BLOCKSYNC),
        _read_blocks,
        "height of the first one",
        True,
    ),
    "hypernodes": Action(
        _C.GETHYPERNODES,
        "the registered hypernodes",
        _make_hypernodes,
        _read_json,
        _HYPERNODES,
    ),
    "headers": Action(
        _C.GETHEADERS,
        "blocks without their messages",
        _make_headers,
        _read_blocks,
        _HEADERS,
    ),
    "heights": Action(_C.GETHEIGHTS, "heights of its peers", _make_plain(_C.GETHEIGHTS), _read_json),
    "txtest": Action(_C.TX, "send a message to ourselves", _make_plain(_C.TX), _read_ok, answered_with=_C.OK),
    "update": Action(
        _C.UPDATE,
        "ask it to update itself",
        _make_with_text(_C.UPDATE),
        _read_ok,
        "URL of the folder",
        True,
        _C.OK,
    ),
    "getconfig": Action(_C.GETCONFIG, "its tunable parameters", _make_plain(_C.GETCONFIG), _read_json),
}
"""``hello`` is answered by the session's own, ``txtest`` is made with a key: ``cli.client.client_session``
knows both."""
