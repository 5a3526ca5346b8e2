"""The composition root: settings → adapters → node, signals, ordered shutdown.

Read from top to bottom it is the life of the process: lock the folders, open what is stored, look for
the companion, run the node until a signal, close in reverse order.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from typing import Any, TextIO

from hypernode import __version__
from hypernode.app.descriptors import fit_sessions, raise_limit
from hypernode.app.faults import FaultLog
from hypernode.app.files import FolderFiles
from hypernode.app.hardening import forbid_dumps, keep_files_private
from hypernode.app.heartbeat import keep_log_alive
from hypernode.app.home import check_new_wallet
from hypernode.app.home_locks import lock_data, lock_wallet
from hypernode.app.last_words import APP_LOG_NAME
from hypernode.app.lock_watch import watch_locks
from hypernode.app.memory import find_trim, give_back_memory, hold_little
from hypernode.app.metrics import ProcessMetrics
from hypernode.app.pow_source import find_feed, open_pow_source
from hypernode.app.signals import (
    Process,
    Reactions,
    Signals,
    Stopped,
    has_terminal,
    make_reactions,
    watch_parent,
)
from hypernode.app.system_clock import SystemClock, SystemEntropy
from hypernode.app.verifier import ThreadVerifier
from hypernode.config.run_file import describe_run, keep_run_file
from hypernode.config.settings import Settings
from hypernode.core.types import Endpoint
from hypernode.health.remarks import Remark
from hypernode.net.tornado_connections import TornadoConnections
from hypernode.node.base.log_subjects import Subjects
from hypernode.node.base.logs import ACCESS_LOGGER, get_logger, setup_logging
from hypernode.node.base.node_ports import Ports
from hypernode.node.owner.node_options import NodeOptions
from hypernode.node.owner.runtime import Node
from hypernode.node.sync.sync_progress import OnProgress, show_nothing
from hypernode.ports.chain import Lane
from hypernode.storage.database import InlineDatabase, open_database
from hypernode.storage.interface import StorageError
from hypernode.storage.journal import open_journal
from hypernode.storage.ledger import SqliteLedger, open_ledger
from hypernode.wallet.locks import Lock, find_unfinished
from hypernode.wallet.passphrase import get_passphrase
from hypernode.wallet.pos_wallet import Wallet, create_wallet, find_exposure, load_wallet

APP_LOG = logging.getLogger("tornado.application")
UNFINISHED = (
    "the run before this one (process {}) did not end in order: it was killed, ran out of memory, or its "
    "host went down; what it said last is above"
)


def run(
    settings: Settings,
    remarks: Sequence[Remark] = (),
    *,
    verbose: bool = False,
    console: TextIO | None = None,
    reload: Callable[[], Settings] | None = None,
    show_sync: OnProgress | None = None,
) -> int:
    """Run the node until it is told to stop; the exit status.  ``remarks`` on the configuration go into the
    log, with ``verbose`` on ``console`` (standard error) too; ``reload`` reads the configuration again
    (SIGHUP); ``show_sync`` is told how far catching up is.  Raises what ends it otherwise."""
    hold_little()
    forbid_dumps()
    keep_files_private()
    settings, shortage = fit_sessions(settings, raise_limit())
    killed = find_unfinished(settings.lock_path)
    before = [Remark("warning", UNFINISHED.format(killed))] if killed is not None else []
    beside = [Remark("warning", shortage)] if shortage else []
    with (
        Signals(settings.logs_path / APP_LOG_NAME, had_terminal=has_terminal()) as signals,
        FaultLog() as faults,
        lock_data(settings) as data_lock,
        lock_wallet(settings) as wallet_lock,
        ExitStack() as stack,
    ):
        logs = setup_logging(
            settings.logs_path,
            level=settings.log_level,
            topics=settings.log_topics,
            is_json=settings.is_log_json,
            verbose=verbose,
            console=console,
            on_open=faults.follow,
        )
        stack.callback(logs.close)
        for remark in (*before, *remarks, *beside):
            APP_LOG.log(logging.getLevelNamesMapping()[remark.level.upper()], remark.text)
        process = Process(logs, verbose, reload or partial(_keep, settings))
        facts = describe_run(settings, os.getpid(), __version__, sys.argv)
        if problem := stack.enter_context(keep_run_file(settings.data_path, facts)):
            APP_LOG.warning(problem)
        try:
            asyncio.run(
                _live(settings, process, signals, show_sync or show_nothing, (data_lock, wallet_lock))
            )
        except (Stopped, asyncio.CancelledError):
            if not signals.told:
                raise
            APP_LOG.info("%s: stopped before it was up", signals.told)
    return 0


async def _live(
    settings: Settings,
    process: Process,
    signals: Signals,
    show_sync: OnProgress,
    locks: Sequence[Lock],
) -> None:
    """Everything that the node lives on, opened in order and closed in reverse."""
    opening = asyncio.current_task()
    assert opening is not None
    signals.attach(Reactions(partial(_give_up, opening), _do_nothing, _do_nothing))
    async with AsyncExitStack() as stack:
        connections = TornadoConnections()
        ports, fault, is_journal_new = await _open_ports(settings, connections, stack)
        own = ports.signer.address
        metrics = ProcessMetrics(
            connections.traffic, _describe(settings, own, process.verbose), settings.data_path
        )
        node = _make_node(settings, ports, metrics, show_sync, is_journal_new=is_journal_new)
        stop = asyncio.Event()
        if fault:
            node.halt(fault)
        signals.attach(make_reactions(stop, process, node))
        watches = {
            "heartbeat": keep_log_alive(node, settings),
            "parent": watch_parent(stop),
            "metrics": metrics.watch(),
            "locks": watch_locks(locks, node.halt),
        }
        if (trim := find_trim()) is not None:
            watches["memory"] = give_back_memory(trim, connections.traffic, node.listening)
        tasks = _start(watches)
        try:
            await node.run(stop, partial(_say_where, settings, own))
        finally:
            signals.expect_end("the end")
            for task in tasks:
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*tasks, return_exceptions=True)
        APP_LOG.info("stopped")


def _start(watches: Mapping[str, Coroutine[Any, Any, None]]) -> list[asyncio.Task[None]]:
    """A task for each, by its name; one that fails is said in the log."""
    tasks = [asyncio.create_task(watch, name=name) for name, watch in watches.items()]
    for task in tasks:
        task.add_done_callback(_say_if_failed)
    return tasks


def _say_if_failed(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (fault := task.exception()) is not None:
        APP_LOG.error("%s: unexpected %r", task.get_name(), fault, exc_info=fault)


def _do_nothing() -> None:
    """While the node is put together."""


def _give_up(opening: asyncio.Task[None], name: str) -> None:
    """A signal says to stop before the node is up."""
    opening.cancel()


def _keep(settings: Settings) -> Settings:
    """Where nobody can read the configuration again."""
    return settings


def _is_heard(subject: str) -> bool:
    return get_logger(subject).isEnabledFor(logging.INFO)


def _write_subject(subject: str, words: str) -> None:
    get_logger(subject).info("%s", words)


async def _open_ports(
    settings: Settings, connections: TornadoConnections, stack: AsyncExitStack
) -> tuple[Ports, str, bool]:
    """What the node lives on, closed by ``stack`` in reverse order; why it has to be halted where its ledger
    cannot be used, else an empty text; and whether there was no journal of what an older wallet signed.
    Raises WalletError, StorageError."""
    clock = SystemClock()
    is_wallet_new = not settings.wallet_path.exists()
    wallet = _open_wallet(settings, int(clock.now()))
    ledger, fault = await _open_ledger(settings)
    stack.push_async_callback(ledger.close)
    journal = await open_journal(settings.journal_path, int(clock.now()))
    stack.push_async_callback(journal.close)
    pow_source = open_pow_source(settings, connections, owns_data=True)
    stack.push_async_callback(pow_source.close)
    verifier = ThreadVerifier()
    stack.callback(verifier.close)
    ports = Ports(
        clock=clock,
        entropy=SystemEntropy(),
        connections=connections,
        signer=wallet,
        verifier=verifier,
        ledger=ledger,
        journal=journal,
        pow_source=pow_source,
        feed=find_feed(pow_source),
        files=FolderFiles(settings.data_path),
    )
    return ports, fault, journal.is_new and not is_wallet_new


def _say_where(settings: Settings, own: str, local: Endpoint) -> None:
    APP_LOG.info("node %s of %s listens on %s:%s", own, settings.params.name, local.ip, local.port)


def _open_wallet(settings: Settings, now: int) -> Wallet:
    """The operator's wallet; a new one at the first start.  Raises WalletError."""
    path, params = settings.wallet_path, settings.params
    if not path.exists():
        check_new_wallet(settings, is_asked_for=False)
        wallet = create_wallet(path, params.address_byte, token=SystemEntropy().token, created=now)
        APP_LOG.info("made a new wallet, address %s: back up %s", wallet.address, path)
        return wallet
    if exposure := find_exposure(path):
        APP_LOG.warning(exposure)
    return load_wallet(
        path,
        params.address_byte,
        partial(get_passphrase, path, settings.passphrase_path, os.environ),
    )


async def _open_ledger(settings: Settings) -> tuple[SqliteLedger, str]:
    """The ledger; or, where it cannot be opened, an empty one in memory and why the node is halted: a
    supervisor that only knows how to restart would not mend it (spec 6)."""
    try:
        database = await open_database(settings.ledger_path)
        lanes = {
            Lane.PEERS: database.make_lane(settings.limits.readers_of_peers),
            Lane.STRANGERS: database.make_lane(settings.limits.readers_of_strangers),
        }
        try:
            return await open_ledger(database, settings.params, lanes), ""
        except BaseException:  # its threads would outlive us
            await database.close()
            raise
    except StorageError as problem:
        APP_LOG.error("the ledger cannot be used: %s", problem)
        return await open_ledger(InlineDatabase(), settings.params), f"the ledger cannot be used: {problem}"


def _describe(settings: Settings, own: str, verbose: bool) -> dict[str, object]:
    """What the status tells of the configuration."""
    return {
        "address": own,
        "ip": settings.listen_ip,
        "port": settings.port,
        "verbose": int(verbose),
        "outip": settings.out_ip,
        "posnet": settings.params.posnet,
    }


def _make_node(
    settings: Settings, ports: Ports, metrics: ProcessMetrics, show_sync: OnProgress, *, is_journal_new: bool
) -> Node:
    options = NodeOptions(
        listen=Endpoint(settings.listen_ip, settings.port),
        own_port=settings.port,
        source_ips=settings.source_ips,
        limits=settings.limits,
        is_journal_new=is_journal_new,
        tunables=settings.tunables,
        takes_updates=settings.auto_update,
    )
    return Node(
        settings.params,
        ports,
        options,
        metrics=metrics,
        log=APP_LOG.info,
        warn=APP_LOG.warning,
        log_connections=get_logger("connections").info,
        subjects=Subjects(_is_heard, _write_subject),
        log_session=logging.getLogger(ACCESS_LOGGER).info,
        show_sync=show_sync,
    )
