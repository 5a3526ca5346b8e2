"""Sessions that ended, a line each; and every subject of LOG says what its name says."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from hypernode.core.types import Endpoint
from hypernode.net.caller import Caller, SessionEnd
from hypernode.net.standing import Standing
from hypernode.node.base.log_subjects import SILENT, Subjects
from hypernode.node.base.logs import ACCESS_LOGGER, TOPICS, get_logger, setup_logging
from hypernode.node.peers.access_log import MAX_LINES_A_SECOND, STRANGERS_AT_ONCE, AccessLog
from hypernode.sim.cluster import PORT
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command
from tests.unit.node.beds import ROUND, Bed, play, store


def test_a_session_leaves_one_line_at_its_end() -> None:
    async def scenario() -> None:
        bed = Bed()
        lines: list[str] = []
        await bed.serve(0, log_session=lines.append)
        other = await bed.node(1)
        session = await other.dialler.open_standing(bed.entry(0))
        for _ in range(3):
            await session.request(Command(CommandId.PING), 10)
        await session.request(Command(CommandId.GETHEADERS, string=",1"), 10)
        assert lines == []
        await asyncio.sleep(12)
        session.close()
        await asyncio.sleep(1)
        (line,) = lines
        assert line.startswith(
            f"{bed.ip(1)}:0{PORT} {bed.address(1)} proved: hello 1, auth 1, ping 3, getheaders 1; "
        )
        assert line.endswith("closed by the peer")
        sent, received = session.bytes_sent, session.bytes_received
        assert f"; {sent} bytes in, {received} out; 12." in line

    play(scenario())


def test_who_sends_junk_is_named_with_what_it_cost() -> None:
    async def scenario() -> None:
        bed = Bed()
        lines: list[str] = []
        await bed.serve(0, log_session=lines.append)
        transport = await bed.memory.get_connections("10.99.0.9").connect(Endpoint(bed.ip(0), PORT), None, 5)
        await transport.write(b"\x80junk junk junk")
        await asyncio.sleep(5)
        (line,) = lines
        assert line.startswith("10.99.0.9:00000 without a hello: nothing asked; 15 bytes in, 0 out; ")
        assert line.isprintable()

    play(scenario())


class _Stream:
    bytes_received = bytes_sent = 0


def _caller(now: float, standing: Standing = Standing.COUNTED) -> Caller:
    return Caller(_Stream(), Endpoint("10.0.0.9", 1), now, lambda ip: standing, lambda *a: None)  # type: ignore[arg-type]


def test_at_most_ten_lines_a_second_and_the_rest_is_counted() -> None:
    now, lines = [100.0], list[str]()
    log = AccessLog(lines.append, lambda: now[0])
    for _ in range(1_000):
        log.note(_caller(now[0]), SessionEnd("closed\nby \x1b[31m"))
    assert len(lines) == MAX_LINES_A_SECOND
    assert all(line.isprintable() for line in lines)
    now[0] += 1.0
    log.note(_caller(now[0]), SessionEnd("silent or slow", is_offence=True, held_s=60.0))
    assert lines[-1].endswith(
        f"silent or slow, on hold for 60 s ({1_000 - MAX_LINES_A_SECOND} sessions before it are not told)"
    )


def test_strangers_have_a_minute_of_lines_at_once_and_then_one_a_second() -> None:
    now, lines = [100.0], list[str]()
    log = AccessLog(lines.append, lambda: now[0])
    for _ in range(120 * 10):
        log.note(_caller(now[0], Standing.STRANGER), SessionEnd("closed by the peer"))
        now[0] += 0.1
    assert STRANGERS_AT_ONCE + 110 <= len(lines) <= STRANGERS_AT_ONCE + 130
    # who is registered is told of all the same
    before = len(lines)
    log.note(_caller(now[0], Standing.COUNTED), SessionEnd("closed by the peer"))
    assert len(lines) == before + 1


def test_every_subject_says_what_its_name_says() -> None:
    async def scenario() -> None:
        bed = Bed()
        reported: dict[str, list[str]] = {}
        subjects = Subjects(lambda name: True, lambda name, text: reported.setdefault(name, []).append(text))
        node, other = await bed.serve(0, subjects=subjects), await bed.node(1, subjects=subjects)
        await other.entry.enter(ROUND)
        await node.intake.submit([bed.message(2)], "10.3.0.1:06969")
        async with asyncio.TaskGroup() as group:
            await other.intake.submit([bed.message(3)])
            other.connector.set_targets([bed.entry(0)], group)
            await asyncio.sleep(30)
            other.connector.cancel_all()
        block = (await store(bed, (await bed.node(2)).ports.ledger, (ROUND, 0)))[0]
        bed.go_to(ROUND, 0)
        await node.chain.accept_pushed(block)
        assert set(reported) | {"connections"} == set(TOPICS)
        assert all(line.startswith(f"{name}: ") for name, lines in reported.items() for line in lines)
        assert f"srvmsg: {bed.ip(1)}:0{PORT} asks height" in reported["srvmsg"]
        assert any(bed.address(1) in line for line in reported["hello"])
        assert "txdigest: 1 of 1 messages of 10.3.0.1:06969 taken" in reported["txdigest"]
        assert any("tells height 0" in line for line in reported["workermsg"])
        assert any(line.endswith("gave 1") for line in reported["mempool"])
        assert any(f"block 1 ({ROUND}, 0)" in line for line in reported["blockdigest"])
        assert any("were derived in" in line for line in reported["timing"])
        assert any("stored in" in line for line in reported["timing"])
        assert any(line.startswith(f"determine: round {ROUND} from block ") for line in reported["determine"])
        assert any("connected to" in line for line in bed.log)

    play(scenario())


def test_a_subject_that_is_off_makes_no_words() -> None:
    SILENT.log("mempool", lambda: pytest.fail("made for nobody"))


def test_the_daemons_sessions_go_to_the_access_log(tmp_path: Path) -> None:
    files = setup_logging(tmp_path, level="INFO", topics=["mempool"], verbose=False)
    try:
        logging.getLogger(ACCESS_LOGGER).info("a session")
        get_logger("mempool").info("mempool: on")
        get_logger("hello").info("hello: off")
    finally:
        files.close()
    assert "a session" in (tmp_path / "pos_access.log").read_text()
    said = (tmp_path / "pos_app.log").read_text()
    assert "mempool: on" in said
    assert "hello: off" not in said
