"""What all sessions together may cost the node: readers, processor time, bytes (spec 2, budgets of the node).

A limit a session or an IP is no limit, since addresses are cheap.  ``Budgets`` is one for all sessions that a
node serves.
"""

from __future__ import annotations

import asyncio
from typing import Final

from hypernode.net.receiving import ReceivedQuestions
from hypernode.net.standing import Standing, get_site
from hypernode.net.turns import Turns
from hypernode.net.waiting import WaitingAnswers
from hypernode.ports.clock import Clock
from hypernode.wire.catalogue import CommandId, Limits

QUESTION_S: Final = 0.000_3
"""Seconds of a processor that a question costs which reads nothing: its frame, its turn, its answer."""
ROW_S: Final = 0.000_008
"""That a block or message costs which is read and encoded: 3 to 4.5 us were measured for that alone, and as
much again for threads, compression and writing."""
MESSAGE_S: Final = 0.000_1
"""That a message costs which is told to us: its signature is verified."""
BYTES_PER_S: Final = 16 * 1024 * 1024
"""Bytes of answers that cost a second: a quarter of a core is 4 MiB/s."""


class Budgets:
    """What all sessions together may cost; one for a node."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self.strangers = Turns(clock, limits.readers_of_strangers, limits.share_of_strangers)
        self.peers = Turns(clock, limits.readers_of_peers, limits.share_of_peers, may_overdraw=True)
        self.answers = WaitingAnswers(limits, clock)
        self.questions = ReceivedQuestions(limits)
        self.making_large = asyncio.Lock()
        """An answer that is too large for most is made alone."""
        self._rounds = {True: asyncio.Lock(), False: asyncio.Lock()}

    @property
    def bytes_held(self) -> int:
        """Bytes of all sessions' questions that came and answers that wait."""
        return self.questions.total + self.answers.total

    def get_turns(self, standing: Standing) -> Turns:
        """The turns that the questions of an IP wait for."""
        return self.peers if standing in (Standing.COUNTED, Standing.OPERATOR) else self.strangers

    def get_whole_round(self, *, is_listed: bool) -> asyncio.Lock:
        """Held by the one answer with a whole round that is under way; strangers never wait before a
        hypernode."""
        return self._rounds[is_listed]


def get_key(standing: Standing, ip: str, name: str) -> str:
    """Among whom turns are shared: each hypernode, and each /24 of everybody else."""
    return name if standing is Standing.COUNTED else get_site(ip)


def get_wait(limits: Limits, command_id: CommandId) -> float:
    """For how many seconds an asker may be kept waiting: a little less than legacy nodes wait."""
    return limits.round_wait_s if command_id is CommandId.ROUNDBLOCKS else limits.question_wait_s


def compute_cost(rows: int, size: int, told: int = 0) -> float:
    """Seconds of a processor for an answer: ``rows`` read, ``size`` bytes written, ``told`` messages that the
    question carried."""
    return QUESTION_S + max(rows * ROW_S, size / BYTES_PER_S) + told * MESSAGE_S
