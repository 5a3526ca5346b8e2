"""Gathers facts for ``health.chains``: the companion's ledger or port, our registration in it, and whether we
can be reached."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from hypernode.app.pow_source import open_pow_source
from hypernode.cli.check.inquiry import Inquiry, in_thread
from hypernode.cli.check.look_files import look_at_wallet
from hypernode.cli.check.look_node import PROBLEMS, describe, look_at_node, open_to
from hypernode.config.settings import Settings
from hypernode.core.counting import find_uncounted, is_collateral_kept
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.registrations.registry import compute_weight
from hypernode.core.timeline import compute_reference_time, compute_round_slot
from hypernode.core.types import MAX_PORT, Endpoint, Registration, Round
from hypernode.health.chains import (
    CompanionFacts,
    PluginAnswer,
    PluginFacts,
    ReachFacts,
    RegistrationFacts,
    SourceFacts,
)
from hypernode.net.tornado_connections import TornadoConnections
from hypernode.node.chain.registration_feed import Event, replay, select_by_ip, select_by_pos
from hypernode.ports.registrations import PowNotReady, PowSource, RegisteredList
from hypernode.pow.companion_client import CompanionClient
from hypernode.pow.ledger.access import find_unopenable
from hypernode.pow.ledger.file import LedgerFile
from hypernode.pow.ledger.registry import RegistryOptions
from hypernode.pow.ledger.source import LedgerPowSource

_ANYWHERE: Final = ("192.0.2.1", 9)
"""Nobody's: by the default route."""
BUSY_S: Final = 1.0
"""The companion's commits take less; a check cannot wait as long as the node does."""
PLUGIN_S: Final = 2.5


async def look_at_companion(inquiry: Inquiry) -> CompanionFacts:
    """As the configuration has it read."""
    settings = inquiry.settings
    way = "fixed" if settings.params.hypernodes else settings.pow_source
    if way == "fixed":
        return CompanionFacts(way, "fixed list")
    if way == "node":
        return await _ask_companion(inquiry)
    return await in_thread(lambda: asyncio.run(_read_companion(inquiry, way)))


async def _ask_companion(inquiry: Inquiry) -> CompanionFacts:
    source = open_pow_source(inquiry.settings)
    try:
        status = await source.get_status(inquiry.now)
    finally:
        await source.close()
    allowed, age_s = inquiry.settings.params.pow_synced_s, inquiry.now - status.timestamp
    return CompanionFacts(
        "node", status.source, status.height, age_s, allowed, status.problem, status.remarks
    )


async def _read_companion(inquiry: Inquiry, way: str) -> CompanionFacts:
    """The last block and the shape of the file, in three short queries."""
    settings = inquiry.settings
    has_fallback = settings.pow_fallback == "node"
    path = settings.pow_ledger_path
    unopened = find_unopened(settings)
    if unopened:
        return CompanionFacts(way, str(path), problem=unopened, has_fallback=has_fallback)
    source = _open_ledger(settings)
    try:
        status = await source.get_status(inquiry.now)
    finally:
        await source.close()
    mode, indexed = "", frozenset[str]()
    if status.height:
        with LedgerFile(path, BUSY_S, attempts=1).open() as reader:
            mode, indexed = reader.read_journal_mode(), reader.list_indexed()
    return CompanionFacts(
        way,
        status.source,
        status.height,
        inquiry.now - status.timestamp,
        settings.params.pow_synced_s,
        status.problem,
        status.remarks,
        mode,
        indexed,
        has_fallback,
    )


def find_unopened(settings: Settings) -> str:
    """Why the ledger is not opened to look; empty where it may be, or where it is not read."""
    if settings.params.hypernodes or settings.pow_source == "node":
        return ""
    return find_unopenable(settings.pow_ledger_path, makes_nothing=True)


def _open_ledger(settings: Settings) -> LedgerPowSource:
    """On from what a node keeps; a check writes nothing and waits for nobody."""
    return LedgerPowSource(
        settings.pow_ledger_path,
        settings.params,
        inline=True,
        busy_timeout_s=BUSY_S,
        attempts=1,
        options=RegistryOptions(
            verify=settings.pow_verify, cache_path=settings.registrations_path, copy_cache=True
        ),
    )


async def look_at_plugin(inquiry: Inquiry) -> PluginFacts:
    """The versions that it tells over the companion's port, where that port is used."""
    settings = inquiry.settings
    is_needed = settings.pow_source == "node"
    if settings.params.hypernodes or not (is_needed or settings.pow_fallback == "node"):
        return PluginFacts(is_asked=False)
    client = CompanionClient(
        TornadoConnections(), Endpoint(settings.pow_ip, settings.pow_port), inquiry.clock.monotonic
    )
    try:
        answer = await client.ask("HN_plugin_version", timeout_s=PLUGIN_S)
    except PowNotReady as problem:
        return PluginFacts(True, client.name, is_needed, problem=str(problem))
    finally:
        await client.close()
    if not isinstance(answer, dict):
        problem_words = f"{client.name}: an answer to HN_plugin_version that is of no use"
        return PluginFacts(True, client.name, is_needed, problem=problem_words)
    return PluginFacts(True, client.name, is_needed, {str(name): str(text) for name, text in answer.items()})


async def look_at_registration(inquiry: Inquiry) -> RegistrationFacts:
    """Our entry in the list of the round, and in the ledger as it is now."""
    facts = await _begin(inquiry)
    settings = inquiry.settings
    if not facts.pos:
        return facts
    if unopened := find_unopened(settings):
        return replace(facts, problem=unopened)
    is_ledger_read = facts.is_collateral_needed and settings.pow_source != "node"
    try:
        if is_ledger_read:
            return await in_thread(lambda: asyncio.run(_search_ledger(inquiry, facts)))
        return await _search_lists(inquiry, facts)
    except PowNotReady as problem:
        return replace(facts, problem=str(problem))


async def _begin(inquiry: Inquiry) -> RegistrationFacts:
    """What is known without the companion: who we are, and what the running node says."""
    settings = inquiry.settings
    answers = (await inquiry.once(look_at_node)).answers
    status: Mapping[str, Any] = answers.status if answers is not None else {}
    config, meta = _as_mapping(status.get("config")), _as_mapping(status.get("meta"))
    round_, _ = compute_round_slot(settings.params, inquiry.now)
    pos, silent, port = (
        (await inquiry.once(look_at_wallet)).address,
        meta.get("inactive_hns"),
        config.get("port"),
    )
    return RegistrationFacts(
        pos,
        round_,
        port if type(port) is int else settings.port,
        settings.out_ip,
        is_collateral_needed=not settings.params.hypernodes,
        is_silent=meta.get("round") == round_ and isinstance(silent, list) and pos in silent,
    )


def _as_mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


async def _search_ledger(inquiry: Inquiry, facts: RegistrationFacts) -> RegistrationFacts:
    """The whole story: what became of every row, the lists, and the balance now.  Raises PowNotReady."""
    params = inquiry.settings.params
    source = _open_ledger(inquiry.settings)
    try:
        status = await source.get_status(inquiry.now)
        if status.height == 0:
            raise PowNotReady(status.problem)
        events = await source.get_feed(status.height)
        latest = _find(replay(params, events).entries, facts.pos)
        facts = replace(facts, latest=latest, last=_find_last(events, facts))
        try:
            listed = await source.get_registered(facts.round)
        except PowNotReady as problem:
            return replace(facts, problem=str(problem))
        facts = _take_list(params, facts, listed)
        if facts.entry is not None:
            balance = await source.get_balance(facts.entry.collateral, status.height)
            facts = replace(facts, balance=balance, weight=compute_weight(params, balance))
        return replace(facts, counts_from=await _find_first_round(params, source, facts))
    finally:
        await source.close()


async def _search_lists(inquiry: Inquiry, facts: RegistrationFacts) -> RegistrationFacts:
    """Only the lists, where there is no ledger to read.  Raises PowNotReady."""
    source = open_pow_source(inquiry.settings)
    try:
        listed = await source.get_registered(facts.round)
        facts = _take_list(inquiry.settings.params, facts, listed)
        return replace(facts, latest=facts.listed)
    finally:
        await source.close()


def _take_list(params: ChainParams, facts: RegistrationFacts, listed: RegisteredList) -> RegistrationFacts:
    """What the list of the round says of us."""
    return replace(
        facts,
        listed=_find(listed.entries, facts.pos),
        is_voided=facts.pos in listed.voided,
        uncounted=find_uncounted(listed.entries, listed.weights).get(facts.pos),
        must_collateral_stay=is_collateral_kept(params, facts.round),
    )


async def _find_first_round(params: ChainParams, source: PowSource, facts: RegistrationFacts) -> Round:
    """The round from which the list says of us what the ledger says now."""
    following = facts.round + 1
    if (facts.listed is None) == (facts.latest is None):
        return facts.round
    try:
        listed = await source.get_registered(following)
    except PowNotReady:
        # too few blocks follow its reference yet: by the time of the transaction itself
        moment = facts.latest.timestamp if facts.latest is not None else 0.0
        return following if moment <= compute_reference_time(params, following) else following + 1
    is_settled = (_find(listed.entries, facts.pos) is None) == (facts.latest is None)
    return following if is_settled else following + 1


def _find(entries: Sequence[Registration], pos: str) -> Registration | None:
    return next((entry for entry in entries if entry.pos == pos), None)


def _find_last(events: Sequence[Event], facts: RegistrationFacts) -> PluginAnswer | None:
    """The newest row that names our address, else the ip that we are to be found at."""
    found = select_by_pos(events, facts.pos)
    if not found and facts.out_ip is not None:
        found = select_by_ip(events, facts.out_ip)
    if not found:
        return None
    row, result = found[-1]
    return PluginAnswer(row.height, row.operation, row.address, result.ok, result.rule, result.reason)


async def look_at_source(inquiry: Inquiry) -> SourceFacts:
    """Which of the addresses that the node may dial out from this host has now."""
    entry = (await inquiry.once(look_at_registration)).entry
    has_address = TornadoConnections().has_address
    other = next(filter(has_address, inquiry.settings.source_ips), None) or _find_default_ip()
    if entry is None:
        return SourceFacts(None, has_registered=False, other=other)
    return SourceFacts(entry.ip, has_address(entry.ip), other)


def _find_default_ip() -> str | None:
    """The address that this host would choose to dial out; nothing is sent."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(_ANYWHERE)
            return str(probe.getsockname()[0])
    except OSError:
        return None


async def look_at_reach(inquiry: Inquiry) -> ReachFacts:
    """A connection to where we are registered, and a hello."""
    facts = await inquiry.once(look_at_registration)
    is_running = (await inquiry.once(look_at_node)).is_running
    entry = facts.entry
    if entry is None or not entry.port.isdecimal() or not 0 < int(entry.port[:6]) <= MAX_PORT:
        return ReachFacts(facts.pos, is_running, None)
    endpoint = Endpoint(entry.ip, int(entry.port[:6]))
    try:
        session = await open_to(inquiry, endpoint)
    except PROBLEMS as problem:
        return ReachFacts(facts.pos, is_running, endpoint, problem=describe(problem))
    try:
        hello = session.peer_hello
        return ReachFacts(facts.pos, is_running, endpoint, hello.address if hello is not None else "")
    finally:
        session.close()
