"""Key performance indicators of hypernodes and their score (spec 7)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from hypernode.core.kinds import KO_ACTION, NO_TEST, OK_ACTION, START_OR_TEST_OK, START_PARAMS, TEST_KO
from hypernode.core.types import Block, Kpis, Message

_MOST_COUNTED: Final = 9
_FEWEST_COUNTED: Final = 3
_TOO_MANY: Final = 80


class KpiCounter:
    """Counts the KPIs of a span of rounds, block by block, in any order."""

    def __init__(self) -> None:
        self._forged: Counter[str] = Counter()
        self._sources: Counter[str] = Counter()
        self._starts: Counter[str] = Counter()
        self._no_tests: Counter[str] = Counter()
        self._ok_tests: Counter[str] = Counter()
        self._ko_tests: Counter[str] = Counter()
        self._ok_actions: Counter[str] = Counter()
        self._ko_pairs: set[tuple[str, str]] = set()

    def add(self, block: Block) -> None:
        """Count a block and its messages."""
        self._forged[block.forger] += 1
        for m in block.messages:
            self.add_message(m)

    def add_message(self, m: Message) -> None:
        """Count a message of a block."""
        self._sources[m.sender] += 1
        if m.what == START_OR_TEST_OK:
            (self._starts if m.params == START_PARAMS else self._ok_tests)[m.sender] += 1
        elif m.what == NO_TEST:
            self._no_tests[m.sender] += 1
        elif m.what == TEST_KO:
            self._ko_tests[m.sender] += 1
        elif m.what == OK_ACTION:
            self._ok_actions[m.recipient] += 1
        elif m.what == KO_ACTION:
            self._ko_pairs.add((m.sender, m.recipient))

    def get(self) -> dict[str, Kpis]:
        """KPIs by address.  An address that has neither forged nor sent nor received a 200 has no entry."""
        ko_senders = Counter(recipient for _, recipient in self._ko_pairs)
        ko_recipients = Counter(sender for sender, _ in self._ko_pairs)
        entries = dict.fromkeys((*self._forged, *self._sources, *self._ok_actions))
        return {
            address: Kpis(
                forged=self._forged[address],
                sources=self._sources[address],
                start_count=self._starts[address],
                no_tests_sent=self._no_tests[address],
                ok_tests_sent=self._ok_tests[address],
                ko_tests_sent=self._ko_tests[address],
                ok_actions_received=self._ok_actions[address],
                ko_actions_received=ko_senders[address] + ko_recipients[address],
            )
            for address in entries
        }


def compute_kpis(blocks: Iterable[Block]) -> dict[str, Kpis]:
    """KPIs by address over whole blocks."""
    counter = KpiCounter()
    for block in blocks:
        counter.add(block)
    return counter.get()


def compute_score(kpis: Kpis, weight: int) -> float:
    """Score of a round (spec 7), for the weight registered."""
    counted = kpis.sources - kpis.start_count
    score = min(counted, _MOST_COUNTED) / 3 if counted >= _FEWEST_COUNTED else 0.0
    if counted > _TOO_MANY:
        score -= 1
    if kpis.forged:
        score += 1
    score -= kpis.start_count / 3 * weight
    score += min((kpis.no_tests_sent + kpis.ok_tests_sent + kpis.ko_tests_sent) / 10, 1)
    return score + kpis.ok_actions_received / 2 - kpis.ko_actions_received / 2
