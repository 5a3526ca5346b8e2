"""``ledger import``: finds out what a file is, opens it, and lets ``node.chain.chain_import`` take its chain
in."""

from __future__ import annotations

import argparse
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from hypernode.app.system_clock import SystemClock
from hypernode.app.verifier import ThreadVerifier
from hypernode.cli.check.stored import open_source
from hypernode.cli.progress import Meter
from hypernode.config.settings import Settings
from hypernode.node.chain.chain_import import BlockSource, LedgerChain, import_chain
from hypernode.node.chain.examiner import HEADER_RULES, Examiner
from hypernode.storage.archive.archives import compute_sha256, extract, is_archive
from hypernode.storage.archive.legacy_read import LegacyChain, holds_legacy_chain
from hypernode.storage.archive.legacy_schema import CHAIN_NAME
from hypernode.storage.archive.snapshot import LEDGER_NAME, MANIFEST_NAME, MAX_MANIFEST_BYTES, load_manifest
from hypernode.storage.inspection import MAX_VALUE_BYTES, check_sizes, check_whole
from hypernode.storage.interface import StorageError
from hypernode.storage.ledger import SqliteLedger, open_ledger_to_read
from hypernode.storage.read_only import SnapshotDatabase


async def import_file(
    args: argparse.Namespace, settings: Settings, ledger: SqliteLedger, stack: AsyncExitStack
) -> dict[str, object]:
    """Take in the chain of ``args.file``; what was done.  Raises what ``import_chain`` raises, StorageError
    for a file that is none of the kinds, OSError."""
    path: Path = args.file.absolute()
    if is_archive(path):
        path = _unpack(path, Path(stack.enter_context(tempfile.TemporaryDirectory(dir=settings.data_path))))
    source = await _open_source(path, settings, stack)
    examiner = _make_examiner(args, settings, stack)
    was_empty = ledger.get_height().height == 0
    with Meter("importing", ledger.get_height().height, source.tip_height, quiet=args.json) as meter:
        done = await import_chain(
            settings.params,
            ledger,
            source,
            examiner,
            needs_companion=not (args.headers_only or args.without_companion),
            on_progress=lambda report: meter.show(report.height, report.messages),
        )
    report: dict[str, object] = {
        "first": done.first,
        "height": done.height,
        "messages": done.messages,
        "tolerated": done.tolerated,
        "not_judged": {rule.number: one.reason for rule, one in examiner.not_judged.items()},
    }
    words = [
        f"{done.height - done.first + 1} blocks taken in, {done.messages} messages; the tip is {done.height}"
    ]
    words += [
        f"rule {rule}: {count} blocks break it and are tolerated" for rule, count in done.tolerated.items()
    ]
    words += [f"rule {rule.number} was not judged: {one.reason}" for rule, one in examiner.not_judged.items()]
    if isinstance(source, LegacyChain):
        words += await _take_in_rest(source, ledger, report, was_empty=was_empty)
    return {**report, "words": "\n".join(words)}


def _unpack(path: Path, folder: Path) -> Path:
    """The chain in an archive, taken out into ``folder``; its SHA-256 is checked where it is told."""
    names = (CHAIN_NAME, LEDGER_NAME, MANIFEST_NAME)
    found = extract(path, names, folder, limits={MANIFEST_NAME: MAX_MANIFEST_BYTES})
    chain = found.get(LEDGER_NAME) or found.get(CHAIN_NAME)
    if chain is None:
        raise StorageError(f"{path}: there is neither {CHAIN_NAME} nor {LEDGER_NAME} in this archive")
    if MANIFEST_NAME in found:
        told = load_manifest(found[MANIFEST_NAME], path).sha256.get(chain.name)
        if told != compute_sha256(chain):
            raise StorageError(f"{path}: {chain.name} is not the one of its manifest: fetch it again")
    return chain


async def _open_source(path: Path, settings: Settings, stack: AsyncExitStack) -> LegacyChain | BlockSource:
    if holds_legacy_chain(path):
        legacy = LegacyChain(path, settings.params)
        stack.push_async_callback(legacy.close)
        return legacy
    database = SnapshotDatabase(path, max_value_bytes=MAX_VALUE_BYTES)
    stack.push_async_callback(database.close)
    ledger = await open_ledger_to_read(database, settings.params)
    await check_whole(database)
    await check_sizes(database)
    if ledger.get_pruned_below():
        raise StorageError(f"{path}: messages of its blocks are pruned: it cannot be verified")
    return LedgerChain(ledger)


def _make_examiner(args: argparse.Namespace, settings: Settings, stack: AsyncExitStack) -> Examiner:
    verifier = ThreadVerifier()
    stack.callback(verifier.close)
    now = SystemClock().now()
    if args.headers_only:
        return Examiner(settings.params, verifier, None, now, rules=HEADER_RULES)
    source, why = open_source(settings)
    if source is not None:
        stack.push_async_callback(source.close)
    return Examiner(settings.params, verifier, source, now, why=why)


async def _take_in_rest(
    source: LegacyChain, ledger: SqliteLedger, report: dict[str, object], *, was_empty: bool
) -> list[str]:
    """What else a legacy file has, and what was odd in it, in words."""
    if was_empty:
        await ledger.save_side_rows(source.list_side_rows())
    orphans = source.count_orphans()
    report |= {"restored": source.restored, "orphans": orphans}
    report["lost"] = [[height, txid.hex()] for height, txid in source.lost]
    words = []
    if source.restored:
        words.append(
            f"{source.restored} params that its database took for numbers were restored by signature"
        )
    for height, txid in source.lost:
        words.append(f"message {txid.hex()} of block {height}: no text fits what its params became")
    if source.lacks_side_rows:
        words.append("pos_rounds and addresses are too large to be kept whole: some rows were left out")
    if orphans:
        words.append(f"{orphans} messages in it belong to no block and were left out")
    return words
