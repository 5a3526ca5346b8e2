"""A line in the log at least every minute, in every state: operators' scripts kill a silent node (spec 6)."""

from __future__ import annotations

import asyncio
import json
import logging

from hypernode.config.settings import Settings
from hypernode.node.owner.runtime import Node

MAX_SILENCE_S = 55.0
"""Below the minute, so that a line that takes its time is still in it."""

MINUTE_S = 60.0
"""A rarer status would not keep the log alive alone; the default is this minute, and comes within it."""

APP_LOG = logging.getLogger("tornado.application")


async def keep_log_alive(node: Node, settings: Settings) -> None:
    """Write the short or the full status every STATUS_EVERY seconds, and where that is over a minute a few
    words in between: whatever the log level is, and also when the status itself fails."""
    every_s = float(settings.status_every_s)
    interval = max(1.0, min(every_s, MAX_SILENCE_S))
    is_rare = every_s > MINUTE_S
    passed_s = 0.0
    while True:
        await asyncio.sleep(interval)
        passed_s += interval
        level = max(logging.INFO, APP_LOG.getEffectiveLevel())
        if is_rare and passed_s < every_s:
            APP_LOG.log(
                level, "alive, %s (the status comes every %.0f s)", node.activities.shown.state.value, every_s
            )
            continue
        passed_s = 0.0
        try:
            APP_LOG.log(level, "%s", await _get_line(node, is_long=settings.status_long))
        except Exception:
            APP_LOG.exception("the status cannot be told")


async def _get_line(node: Node, *, is_long: bool) -> str:
    if not is_long:
        return describe(node)
    return f"status {json.dumps(await node.views.get_status(), separators=(',', ':'))}"


def describe(node: Node) -> str:
    """The node in one line."""
    height, node_state, shown = node.chain.height, node.node_state, node.activities.shown
    round_, sir = node_state.get_round_slot()
    consensus = f"{node_state.consensus.percent} %" if node_state.consensus else "no"
    reason = node_state.halted or shown.reason
    state = f"{shown.state.value} ({reason})" if reason else shown.state.value
    return (
        f"{state}, slot {sir} of round {round_}, "
        f"block {height.height} ({height.round}, {height.sir}) {height.block_hash.hex()[:10]}, "
        f"{node.peers.count_connected()} connected, {consensus} consensus, {len(node.mempool)} in the mempool"
    )
