"""A disk that refuses for a while: the node says so, stops forging, answers, and goes on when it is over."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import pytest

from hypernode.core.types import Block, Endpoint
from hypernode.net.client_session import open_session
from hypernode.node.owner.runtime import Node
from hypernode.ports.storage_faults import StorageFault
from hypernode.sim.cluster import PORT, Cluster, SimNode
from hypernode.sim.memory.loop import run
from hypernode.storage.database import InlineDatabase
from hypernode.storage.faults import find_storage_fault
from hypernode.storage.interface import Reader, Transaction
from hypernode.wire.catalogue import CommandId, Limits
from hypernode.wire.codec import Command
from hypernode.wire.hello import ANNOUNCED_FEATURES, CLIENT_PORT, Hello

ROUND, SICK = 3, 2
T = TypeVar("T")


class SickDatabase(InlineDatabase):
    """Refuses to write while ``code`` (a result code of SQLite) is set, and to read too with ``is_blind``."""

    code = 0
    is_blind = False

    async def read(self, work: Callable[[Reader], Awaitable[T]]) -> T:
        if self.is_blind:
            self._refuse()
        return await super().read(work)

    async def write(
        self, work: Callable[[Transaction], Awaitable[T]], on_commit: Callable[[T], None] | None = None
    ) -> T:
        self._refuse()
        return await super().write(work, on_commit)

    def _refuse(self) -> None:
        error = find_storage_fault("ledger.db", self.code, "as arranged") if self.code else None
        if error is not None:
            raise error


def play(coroutine: Coroutine[Any, Any, None]) -> None:
    run(coroutine)


async def _start(which: str) -> tuple[Cluster, SimNode, SickDatabase]:
    """A cluster in whose host ``SICK`` the ledger's or the journal's disk can be made to refuse."""
    cluster = Cluster(5, 21)
    host, database = cluster.hosts[SICK], SickDatabase()
    setattr(host, which, database)
    await cluster.start_all()
    await cluster.run_until(ROUND, 3)
    return cluster, host, database


def _node(host: SimNode) -> Node:
    assert host.node is not None
    return host.node


async def _list_own(cluster: Cluster, host: SimNode) -> list[Block]:
    blocks = await _node(cluster.hosts[0]).ports.ledger.get_blocks(0, 1_000)
    return [block for block in blocks if block.forger == host.signer.address]


async def _ask_status(cluster: Cluster, host: SimNode) -> Command:
    """As a client does."""
    session = await open_session(
        cluster.network.get_connections("10.99.0.1"),
        Endpoint(host.ip, PORT),
        params=cluster.params,
        limits=Limits(),
        hello=Hello(cluster.params.posnet, CLIENT_PORT, host.signer.address),
        features=ANNOUNCED_FEATURES,
        clock=cluster.clock,
        connect_timeout_s=5.0,
        hello_timeout_s=10.0,
    )
    answer = await session.request(Command(CommandId.STATUS), 30.0)
    session.close()
    assert answer is not None
    return answer


SICK_DISKS = (
    (SICK, "ledger_db", sqlite3.SQLITE_FULL, "make room"),
    (SICK + 1, "journal_db", sqlite3.SQLITE_READONLY, "only be read"),
)
HEALED = (ROUND, 15)


def test_a_disk_that_refuses_stops_forging_only_and_only_while_it_does() -> None:
    async def scenario() -> None:
        cluster = Cluster(5, 21)
        databases = [SickDatabase() for _ in SICK_DISKS]
        for database, (index, which, _, _) in zip(databases, SICK_DISKS, strict=True):
            setattr(cluster.hosts[index], which, database)
        await cluster.start_all()
        await cluster.run_until(ROUND, 3)
        for database, (_, _, code, _) in zip(databases, SICK_DISKS, strict=True):
            database.code = code
        await cluster.run_until(*HEALED)
        for index, _, _, words in SICK_DISKS:
            await _check_sick(cluster, cluster.hosts[index], words)
        for database in databases:
            database.code = 0
        await cluster.run_until(ROUND + 1, 12)
        assert cluster.is_agreed()
        for index, _, _, _ in SICK_DISKS:
            await _check_well(cluster, cluster.hosts[index])
        await cluster.stop_all()

    play(scenario())


async def _check_sick(cluster: Cluster, host: SimNode, words: str) -> None:
    """It says so, in the log once a minute, answers, and does not forge."""
    said = [line for line in host.log if " storage: " in line and words in line]
    assert said
    assert len(said) <= 12 * cluster.params.slot_s / 60
    answer = await _ask_status(cluster, host)
    assert answer.string is not None
    assert '"state":"HALTED"' in answer.string
    # the words are for the operator, not for whoever asks
    assert words not in answer.string
    assert host.node is not None
    assert words in str(await host.node.views.get_status())
    assert not [b for b in await _list_own(cluster, host) if (ROUND, 4) <= (b.round, b.sir) < HEALED]


async def _check_well(cluster: Cluster, host: SimNode) -> None:
    """It went on by itself."""
    assert _node(host).node_state.halted == ""
    assert _node(host).activities.shown.state.value != "HALTED"
    assert any("storage: over" in line for line in host.log)
    assert [b for b in await _list_own(cluster, host) if (b.round, b.sir) >= HEALED]


def test_a_disk_that_cannot_even_be_read_does_not_end_the_node() -> None:
    async def scenario() -> None:
        cluster, host, database = await _start("ledger_db")
        database.code, database.is_blind = sqlite3.SQLITE_IOERR, True
        await cluster.run_until(ROUND, 12)
        assert host.task is not None
        assert not host.task.done()
        assert "the disk fails" in _node(host).activities.shown.reason
        database.code = 0
        await cluster.run_until(ROUND + 1)
        assert cluster.is_agreed()
        await cluster.stop_all()

    play(scenario())


def test_a_damaged_ledger_halts_until_an_operator_comes() -> None:
    async def scenario() -> None:
        cluster, host, database = await _start("ledger_db")
        database.code = sqlite3.SQLITE_CORRUPT
        await cluster.run_until(ROUND, 6)
        assert "is damaged" in _node(host).node_state.halted
        database.code = 0
        await cluster.run_until(ROUND, 10)
        assert _node(host).activities.shown.state.value == "HALTED"
        await cluster.stop_all()

    play(scenario())


def test_a_full_disk_at_the_end_costs_the_saved_mempool_and_no_more() -> None:
    async def scenario() -> None:
        cluster, host, _ = await _start("ledger_db")

        def refuse(name: str, content: bytes) -> None:
            raise OSError(28, "No space left on device")

        host.files.write = refuse  # type: ignore[method-assign]
        await cluster.stop_all()
        assert any("the mempool is not saved" in line for line in host.log)

    play(scenario())


def test_a_database_reports_its_error_where_it_is_asked() -> None:
    database = SickDatabase()
    database.code = sqlite3.SQLITE_FULL
    with pytest.raises(StorageFault, match="make room"), contextlib.closing(_fail(database)) as coroutine:
        coroutine.send(None)


async def _fail(database: SickDatabase) -> None:
    await database.write(lambda t: t.execute("SELECT 1"))
