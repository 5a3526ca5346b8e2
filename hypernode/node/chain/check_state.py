"""Where a check of the chain stands, as a small file of the data folder: the next one goes on from it."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any, Final

from hypernode import __version__
from hypernode.core.block import create_genesis
from hypernode.core.chain_params import ChainParams
from hypernode.core.rules import NUMBERED_RULES
from hypernode.files.own_files import DAMAGED
from hypernode.node.chain.chain_check import CheckState, ListedBreak
from hypernode.node.chain.examiner import NotJudged
from hypernode.ports.chain import Ledger
from hypernode.ports.files import Files

FILE_NAME: Final = "check.json"


def save_state(files: Files, params: ChainParams, state: CheckState) -> None:
    """Whole or not at all.  Raises OSError."""
    content = {
        "program": __version__,
        "network": create_genesis(params).block_hash,
        **asdict(replace(state, not_judged={})),
        "not_judged": {rule.number: asdict(one) for rule, one in state.not_judged.items()},
    }
    files.write(FILE_NAME, json.dumps(content, default=bytes.hex, separators=(",", ":")).encode())


async def load_state(files: Files, params: ChainParams, ledger: Ledger) -> CheckState | None:
    """Where to go on: None when there is no file, or one of another program or network, or of a chain that
    has lost the block it stands at."""
    content = files.read(FILE_NAME)
    try:
        state = None if content is None else _parse(json.loads(content), params)
    except DAMAGED:
        return None
    if state is None:
        return None
    headers = await ledger.get_headers(state.height, 1)
    return state if headers and headers[0].block_hash == state.block_hash else None


def _parse(fields: dict[str, Any], params: ChainParams) -> CheckState | None:
    program, genesis = fields.pop("program"), fields.pop("network")
    if program != __version__ or genesis != create_genesis(params).block_hash.hex():
        return None
    breaks = [
        ListedBreak(**{**one, "block_hash": bytes.fromhex(one["block_hash"])}) for one in fields.pop("breaks")
    ]
    fields["block_hash"] = bytes.fromhex(fields["block_hash"])
    not_judged = {
        NUMBERED_RULES[number]: NotJudged(**one) for number, one in fields.pop("not_judged").items()
    }
    return CheckState(**fields, breaks=breaks, not_judged=not_judged)
