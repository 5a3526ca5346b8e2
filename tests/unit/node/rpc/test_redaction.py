"""The status as strangers see it (spec 10, 4): the same keys, and nothing of the host."""

from __future__ import annotations

import json
from typing import Any

from hypernode.net.standing import Standing
from hypernode.node.rpc.redaction import NOT_IN_SYNC
from hypernode.ports.registrations import PowStatus
from hypernode.wire.catalogue import CommandId
from tests.unit.node.beds import STRANGER, Bed, FakeCaller, ask, play, serve

PATH = "/srv/secret folder/ledger.db"


def list_keys(value: Any) -> Any:
    """The keys at every level but of what is emptied."""
    if isinstance(value, dict):
        return {key: None if key == "disk" else list_keys(inner) for key, inner in value.items()}
    return None


async def tell(bed: Bed, node: Any, standing: Standing) -> tuple[dict[str, Any], str]:
    answer = await serve(node, FakeCaller(STRANGER, standing=standing), ask(CommandId.STATUS))
    assert answer is not None
    assert answer.string is not None
    return json.loads(answer.string), answer.string


def test_strangers_and_hypernodes_get_every_key_and_no_path() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        problem = f"{PATH}: cannot be opened"
        node.node_state.pow_status = PowStatus(PATH, 0, 0.0, "", problem, (f"{PATH} has no index",))
        node.node_state.halted = f"{PATH}: the disk is full"
        await node.health.look(await node.view_builder.look())
        whole, text = await tell(bed, node, Standing.OPERATOR)
        assert PATH in text
        assert problem in {finding["found"].partition(": ")[2] for finding in whole["findings"]}
        for standing in (Standing.STRANGER, Standing.REGISTERED, Standing.COUNTED):
            shown, text = await tell(bed, node, standing)
            assert "secret" not in text
            assert list_keys(shown) == list_keys(whole)
            assert (shown["PID"], shown["pow"]["problem"]) == (0, NOT_IN_SYNC)
            assert shown["duty"] == {**whole["duty"], "sentence": "the node stopped its work by itself"}
            assert [f["code"] for f in shown["findings"]] == [f["code"] for f in whole["findings"]]

    play(scenario())
