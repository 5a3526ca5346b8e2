"""``python -m hypernode ledger ACTION``: repair, prune, snapshot, import, export and the choice of a side
(spec 4).

Exit status: 0 done, 1 it could not be done, 2 usage, 75 not now (the node runs, the disk is full, the
companion is late), 78 configuration.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hypernode.cli.companion import add_folder_flags, load_tool_settings
from hypernode.cli.exit_codes import Exit

if TYPE_CHECKING:
    from hypernode.config.settings import Settings
    from hypernode.storage.ledger import SqliteLedger


@dataclass(frozen=True, slots=True)
class Action:
    """A row of ``ACTIONS``.  ``run`` returns what it did, for ``--json``; its ``words`` are for people."""

    help: str
    add_flags: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Settings], Coroutine[Any, Any, dict[str, object]]]


def main(argv: list[str] | None = None) -> int:
    """Do it and say what was done; returns the exit status."""
    args = make_parsers()[0].parse_args(argv)
    from hypernode.config.parameter_table import ConfigError
    from hypernode.core.errors import Reject
    from hypernode.files.own_files import explain, is_lasting
    from hypernode.node.chain.chain_import import OtherChain
    from hypernode.node.sync.partitions import UnknownTip
    from hypernode.ports.registrations import PowNotReady
    from hypernode.ports.storage_faults import StorageFault
    from hypernode.storage.interface import StorageError
    from hypernode.wallet.locks import LockHeld

    try:
        report = asyncio.run(ACTIONS[args.action].run(args, load_tool_settings(args, needs_node=True)))
    except ConfigError as error:
        return _fail(str(error), Exit.CONFIGURATION)
    except (Reject, OtherChain, StorageError, UnknownTip) as error:
        return _fail(str(error), Exit.NEGATIVE)
    except (LockHeld, PowNotReady, StorageFault) as error:
        return _fail(str(error), Exit.TEMPORARY)
    except OSError as error:
        return _fail(explain(error), Exit.CONFIGURATION if is_lasting(error) else Exit.TEMPORARY)
    except KeyboardInterrupt:
        return _fail("interrupted; what was stored stays", Exit.TEMPORARY)
    print(json.dumps(report, separators=(",", ":")) if args.json else report["words"])
    return Exit.OK


def make_parsers() -> list[argparse.ArgumentParser]:
    """The command line, and behind it that of each action."""
    parser = argparse.ArgumentParser(prog="python -m hypernode ledger", description="Work on the ledger.")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    parsers = [parser]
    for name, action in ACTIONS.items():
        one = actions.add_parser(
            name, help=action.help, description=f"{action.help[0].upper()}{action.help[1:]}."
        )
        action.add_flags(one)
        one.add_argument("--json", action="store_true", help="one JSON object on standard output")
        add_folder_flags(one)
        parsers.append(one)
    return parsers


async def _open_locked(settings: Settings, stack: AsyncExitStack, *, create: bool = False) -> SqliteLedger:
    """Our ledger, for us alone: refuses while the node runs.  Raises LockHeld, StorageError."""
    from hypernode.app.home_locks import lock_data
    from hypernode.storage.database import InlineDatabase
    from hypernode.storage.interface import StorageError
    from hypernode.storage.ledger import open_ledger

    if not create and not settings.ledger_path.is_file():
        raise StorageError(f"{settings.ledger_path}: there is no ledger; name the run folder with --home")
    stack.enter_context(lock_data(settings))
    ledger = await open_ledger(InlineDatabase(settings.ledger_path), settings.params)
    stack.push_async_callback(ledger.close)
    return ledger


def _add_repair_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--to", type=int, metavar="HEIGHT", help="cut back to this height without a check of the chain"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be cut, change nothing")


async def _repair(args: argparse.Namespace, settings: Settings) -> dict[str, object]:
    from hypernode.cli.ledger.repairing import repair_ledger

    async with AsyncExitStack() as stack:
        return await repair_ledger(args, settings, await _open_locked(settings, stack), stack)


def _add_prune_flags(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--below", type=int, metavar="HEIGHT", help="messages of blocks below this height")
    which.add_argument("--all", action="store_true", help="as far as it may go")
    parser.add_argument(
        "--vacuum", action="store_true", help="give the room back to the disk; needs as much for a while"
    )


async def _prune(args: argparse.Namespace, settings: Settings) -> dict[str, object]:
    from hypernode.cli.progress import Meter
    from hypernode.storage.prune import vacuum

    async with AsyncExitStack() as stack:
        ledger = await _open_locked(settings, stack)
        limit = await ledger.get_prune_limit()
        target = limit if args.all else min(args.below, limit)
        first = ledger.get_pruned_below()
        with Meter("pruning", first, max(target, first), quiet=args.json) as meter:
            count = await ledger.prune(target, lambda mark: meter.show(mark, 0))
        below = ledger.get_pruned_below()
        await ledger.close()
        if args.vacuum:
            vacuum(settings.ledger_path)
    words = f"{count} messages dropped; "
    words += f"blocks below {below} have none now, and keep all else" if below else "all blocks keep theirs"
    if not args.all and args.below > limit:
        words += f"; those from block {limit} on have to stay, for a message could come again"
    return {"dropped": count, "pruned_below": below, "limit": limit, "words": words}


def _add_snapshot_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE.tar.gz", help="the archive to make")
    parser.add_argument("--legacy", action="store_true", help="in the format of the legacy software")


async def _snapshot(args: argparse.Namespace, settings: Settings) -> dict[str, object]:
    import tempfile

    from hypernode.app.system_clock import SystemClock
    from hypernode.storage.archive.snapshot import write_snapshot
    from hypernode.storage.interface import StorageError

    target: Path = args.file.absolute()
    if not target.parent.is_dir():
        raise StorageError(f"{target.parent}: there is no such folder")
    # beside the archive: the copy takes as much room as the ledger
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".snapshot-") as folder:
        manifest = await write_snapshot(
            settings.ledger_path,
            settings.params,
            target,
            Path(folder),
            int(SystemClock().now()),
            legacy=args.legacy,
        )
    words = f"{target}: {manifest.network} up to block {manifest.height} {manifest.block_hash}"
    return {
        "file": str(target),
        "height": manifest.height,
        "block_hash": manifest.block_hash,
        "sha256": manifest.sha256,
        "words": words,
    }


def _add_import_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="poc_pos_chain.db, an archive that holds it, or a snapshot"
    )
    parser.add_argument(
        "--headers-only",
        action="store_true",
        help="verify blocks, not the signatures of messages nor the jurors",
    )
    parser.add_argument(
        "--without-companion", action="store_true", help="go on where the companion cannot say who is juror"
    )


async def _import(args: argparse.Namespace, settings: Settings) -> dict[str, object]:
    from hypernode.cli.ledger.importing import import_file

    async with AsyncExitStack() as stack:
        ledger = await _open_locked(settings, stack, create=True)
        return await import_file(args, settings, ledger, stack)


def _add_export_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where to write the two files")


async def _export(args: argparse.Namespace, settings: Settings) -> dict[str, object]:
    from hypernode.cli.progress import Meter
    from hypernode.storage.archive.legacy_write import export_legacy
    from hypernode.storage.ledger import open_ledger_to_read
    from hypernode.storage.read_only import SnapshotDatabase

    ledger = await open_ledger_to_read(SnapshotDatabase(settings.ledger_path), settings.params)
    try:
        height = ledger.get_height().height
        with Meter("exporting", 0, height, quiet=args.json) as meter:
            paths = await export_legacy(ledger, args.folder.absolute(), lambda done: meter.show(done, 0))
    finally:
        await ledger.close()
    files = [str(path) for path in paths]
    return {"files": files, "height": height, "words": f"blocks up to {height} are in {' and '.join(files)}"}


def _add_follow_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "tip", nargs="?", metavar="HASH", help="a block of the other chain: its hash, or how it begins"
    )
    parser.add_argument("--height", type=int, metavar="HEIGHT", help="of a block that this node has not seen")
    parser.add_argument("--cancel", action="store_true", help="withdraw the word, if it is not done yet")


async def _follow(args: argparse.Namespace, settings: Settings) -> dict[str, object]:
    from hypernode.cli.ledger.following import follow_chain

    return await follow_chain(args, settings)


def _fail(words: str, status: Exit) -> int:
    print(f"ledger: {words}", file=sys.stderr)
    return status


ACTIONS: Final[Mapping[str, Action]] = {
    "repair": Action(
        "cut back to the last good block; what is cut is kept in a file (stop the node first)",
        _add_repair_flags,
        _repair,
    ),
    "prune": Action(
        "drop the messages of old blocks; blocks and KPI totals stay (stop the node first)",
        _add_prune_flags,
        _prune,
    ),
    "snapshot": Action(
        "make an archive of the chain as it was two rounds ago; the node may run",
        _add_snapshot_flags,
        _snapshot,
    ),
    "import": Action(
        "verify and take in a chain from a legacy file or an archive (stop the node first)",
        _add_import_flags,
        _import,
    ),
    "export": Action(
        "write the chain as files of the legacy software; the node may run", _add_export_flags, _export
    ),
    "follow": Action(
        "take the other side of a split network, or say which there are; the node may run",
        _add_follow_flags,
        _follow,
    ),
}
