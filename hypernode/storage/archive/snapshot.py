"""A consistent copy of a ledger, made while the daemon runs, cut back to blocks that do not change any more.

``VACUUM INTO`` copies one moment of the file within one read transaction; writers go on meanwhile.  The copy
is cut back to blocks that are two rounds old, which hardly ever change, and loses what is the node's own
business.
"""

from __future__ import annotations

import json
import os
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.types import Height
from hypernode.files.own_files import DAMAGED, read_own
from hypernode.storage.archive.archives import compute_sha256, write_archive
from hypernode.storage.archive.legacy_schema import CHAIN_NAME, HYPERNODES_NAME
from hypernode.storage.archive.legacy_write import export_legacy
from hypernode.storage.database import Durability, InlineDatabase
from hypernode.storage.faults import raising_storage_faults
from hypernode.storage.interface import StorageError, Transaction
from hypernode.storage.ledger import SqliteLedger, open_ledger
from hypernode.storage.read_only import connect_read_only

LEDGER_NAME: Final = "ledger.db"
MANIFEST_NAME: Final = "manifest.json"
MAX_MANIFEST_BYTES: Final = 64 * 1024
"""A few names and sums."""
_CUT_BLOCKS: Final = 500
_OWN: Final = (
    "DELETE FROM statuses",
    "DELETE FROM own_slots",
    "DELETE FROM own_rounds",
    "DELETE FROM plans WHERE round > (SELECT round FROM blocks ORDER BY height DESC LIMIT 1)",
    "DELETE FROM findings WHERE height > (SELECT max(height) FROM blocks)",
)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is in a snapshot: the chain's tip, and the SHA-256 of each file by name."""

    network: str
    height: Height
    block_hash: str
    created: int
    """Unix seconds."""
    sha256: dict[str, str]


async def write_snapshot(
    source: Path, params: ChainParams, target: Path, folder: Path, created: int, *, legacy: bool = False
) -> Manifest:
    """Pack a snapshot of the ledger ``source`` into ``target``; ``folder`` is empty, and for what is made
    meanwhile.  ``legacy``: in the format of the legacy software.  Raises StorageError, StorageFault,
    OSError."""
    _check_absent(target)
    copy = folder / LEDGER_NAME
    copy_ledger(source, copy)
    ledger = await open_ledger(InlineDatabase(copy, Durability.ROLLBACK), params)
    try:
        if ledger.get_pruned_below():
            raise StorageError(
                f"{source} is pruned: a snapshot would lack messages; make one on another node"
            )
        await _cut_back(ledger, params.keep_rounds)
        tip = ledger.get_height()
        files = {LEDGER_NAME: copy}
        if legacy:
            paths = await export_legacy(ledger, folder / "legacy")
            files = dict(zip((CHAIN_NAME, HYPERNODES_NAME), paths, strict=True))
    finally:
        await ledger.close()
    if not legacy:
        await _forget_own(copy)
    sums = {name: compute_sha256(path) for name, path in files.items()}
    manifest = Manifest(params.name, tip.height, tip.block_hash.hex(), created, sums)
    described = folder / MANIFEST_NAME
    described.write_text(json.dumps(asdict(manifest), indent=1) + "\n", encoding="utf-8")
    write_archive(target, {MANIFEST_NAME: described, **files}, created)
    return manifest


def _check_absent(target: Path) -> None:
    if target.exists():
        raise StorageError(f"{target} is there already: choose another name, or move it away")


def copy_ledger(source: Path, target: Path) -> None:
    """One moment of a database as another file.  Raises StorageError, StorageFault."""
    with raising_storage_faults(str(source)), closing(connect_read_only(source)) as connection:
        connection.execute("VACUUM INTO CAST(? AS TEXT)", (os.fsencode(target),))


def load_manifest(path: Path, source: Path) -> Manifest:
    """The manifest of an archive ``source``.  Raises StorageError."""
    try:
        content = read_own(path, MAX_MANIFEST_BYTES)
        fields: dict[str, Any] = json.loads(content or b"")
        manifest = Manifest(**fields)
        sums = {str(name): str(value) for name, value in manifest.sha256.items()}
        return Manifest(
            str(manifest.network), int(manifest.height), str(manifest.block_hash), int(manifest.created), sums
        )
    except DAMAGED as error:
        raise StorageError(f"{source}: its manifest cannot be read ({error})") from error


async def _cut_back(ledger: SqliteLedger, rounds: int) -> None:
    """To the last block that is ``rounds`` rounds older than the tip."""
    tip = ledger.get_height()
    height, _ = await ledger.get_reference(tip.round - rounds + 1)
    while ledger.get_height().height > height:
        await ledger.rollback(max(height, ledger.get_height().height - _CUT_BLOCKS))


async def _forget_own(path: Path) -> None:
    database = InlineDatabase(path, Durability.ROLLBACK)

    async def work(transaction: Transaction) -> None:
        for sql in _OWN:
            await transaction.execute(sql)

    try:
        await database.write(work)
    finally:
        await database.close()
