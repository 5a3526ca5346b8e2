"""The tables are complete and say what spec 2 says."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from hypernode.wire.catalogue import (
    COMMANDS,
    LAST_LEGACY_ID,
    LIMITS,
    CommandId,
    Limits,
    Who,
    get_answer_limit,
    get_question_limit,
)
from hypernode.wire.codec import Command, decode_command, encode_command
from hypernode.wire.command_pb2 import Command as WireCommand
from tests.unit.wire.samples import BLOCK, MESSAGE, VECTORS

KIB, MIB = 1024, 1024 * 1024


def test_every_command_has_its_row_under_its_id() -> None:
    assert set(COMMANDS) == set(CommandId)
    assert all(row.id is command_id for command_id, row in COMMANDS.items())


def test_ids_are_those_of_the_schema_and_of_the_vectors() -> None:
    import json

    vectors = json.loads((VECTORS / "frames.json").read_text(encoding="utf-8"))["command_ids"]
    ours = {row.name: int(row.id) for row in COMMANDS.values()}
    assert dict(WireCommand.Type.items()) == ours
    assert {name: number for name, number in ours.items() if number <= LAST_LEGACY_ID} == vectors


def test_only_hello_block_and_test_go_before_hello() -> None:
    assert {row.name for row in COMMANDS.values() if row.is_before_hello} == {"hello", "block", "test"}


def test_ids_above_the_legacy_ones_need_features() -> None:
    assert {row.id for row in COMMANDS.values() if row.is_feature_only} == {
        command_id for command_id in CommandId if command_id > 21
    }


@pytest.mark.parametrize(
    ("who", "names"),
    [
        (Who.REGISTERED, {"block", "test"}),
        (Who.LISTENED, {"height", "mempool"}),
        (Who.SENDERS, {"tx"}),
        (Who.QUERY_LIST, {"gethypernodes"}),
        (Who.UPDATE_LIST, {"update"}),
        (Who.NOBODY, {"ok", "ko"}),
    ],
)
def test_who_may_ask(who: Who, names: set[str]) -> None:
    assert {row.name for row in COMMANDS.values() if row.who is who} == names


@pytest.mark.parametrize(
    ("command_id", "question", "answer"),
    [
        (CommandId.BLOCK, 3 * MIB, 2 * MIB),
        (CommandId.BLOCKSYNC, 64 * KIB, 32 * MIB),
        (CommandId.ROUNDBLOCKS, 64 * KIB, 32 * MIB),
        (CommandId.MEMPOOL, 2 * MIB, 2 * MIB),
        (CommandId.TX, 2 * MIB, 2 * MIB),
        (CommandId.TEST, 320 * KIB, 320 * KIB),
        (CommandId.GETBLOCK, 64 * KIB, 3 * MIB + 64 * KIB),
        (CommandId.STATUS, 64 * KIB, 2 * MIB),
    ],
)
def test_sizes_of_questions_and_answers(command_id: CommandId, question: int, answer: int) -> None:
    assert get_question_limit(LIMITS, command_id) == question
    assert get_answer_limit(LIMITS, command_id) == answer


def test_a_block_of_the_most_messages_can_be_pushed_and_asked_for() -> None:
    messages = tuple(replace(MESSAGE, value=number) for number in range(LIMITS.block_messages))
    block = replace(BLOCK, messages=messages)
    answer = encode_command(Command(CommandId.GETBLOCK, blocks=(block,)))
    assert LIMITS.answer_bytes < len(answer) <= get_answer_limit(LIMITS, CommandId.GETBLOCK)
    assert len(answer) <= get_question_limit(LIMITS, CommandId.BLOCK)
    assert decode_command(answer).blocks == (block,)


def test_limits_of_the_spec() -> None:
    assert (LIMITS.first_frame_s, LIMITS.first_frame_bytes) == (10, 4 * KIB)
    assert LIMITS.first_frame_registered_bytes == 3 * MIB
    assert (LIMITS.frame_s, LIMITS.pushed_block_frame_s, LIMITS.silence_s) == (30, 45, 90)
    assert (LIMITS.block_messages, LIMITS.frame_fields, LIMITS.many_blocks_fields) == (
        10_000,
        110_000,
        1_200_000,
    )
    assert LIMITS.mempool_messages == 2_000
    assert (LIMITS.sessions, LIMITS.sessions_per_ip, LIMITS.sessions_per_registered_ip) == (300, 3, 6)
    assert LIMITS.sessions_kept * 3 == LIMITS.sessions
    assert (LIMITS.faults, LIMITS.fault_span_s) == (3, 60)


def test_every_limit_can_be_set_and_is_positive() -> None:
    for field in fields(Limits):
        assert getattr(LIMITS, field.name) > 0
        assert getattr(Limits(**{field.name: 7}), field.name) == 7


def test_every_row_names_limits_that_exist() -> None:
    for command_id in CommandId:
        assert get_question_limit(LIMITS, command_id) <= LIMITS.pushed_block_bytes
        assert get_answer_limit(LIMITS, command_id) <= LIMITS.many_blocks_bytes
        assert COMMANDS[command_id].asked_with, "to carry nothing is said too"
