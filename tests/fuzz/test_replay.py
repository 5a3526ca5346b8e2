"""The short form of ``make fuzz``: the corpus, and inputs near it, find nothing."""

from __future__ import annotations

from random import Random

import pytest

from tests.fuzz import corpus
from tests.fuzz.campaign import Result
from tests.fuzz.mutation import mutate
from tests.fuzz.reach import minimise
from tests.fuzz.targets import KEY, TARGETS, fuzz_hello

MUTATIONS = 3_000
"""Of a target that has a tenth of all executions."""


@pytest.mark.parametrize("name", TARGETS)
def test_corpus_and_inputs_near_it_find_nothing(name: str) -> None:
    inputs = [*corpus.load(name), *corpus.make_seeds(name, KEY)]
    assert corpus.load(name)
    random = Random(name)
    count = round(MUTATIONS * 10 * TARGETS[name].share)
    with TARGETS[name].open() as run:
        for item in (*inputs, *(mutate(random, inputs) for _ in range(count))):
            try:
                run(item)
            except Exception as defect:
                defect.add_note(f"input: {item.hex()}")
                raise


def test_targets_share_all_executions() -> None:
    assert sum(target.share for target in TARGETS.values()) == pytest.approx(1.0)


def test_corpus_is_small() -> None:
    for name in TARGETS:
        kept = corpus.load(name)
        assert len(kept) <= corpus.MAX_KEPT
        assert max(map(len, kept)) <= corpus.MAX_KEPT_BYTES


def test_only_what_reaches_something_new_is_kept() -> None:
    good = b"posnet000106969B9a8v7EeYjyuqBaZydfNFSFWiJNi664Rg2"
    assert len(good) == 49
    assert minimise(fuzz_hello, [good, b"x", b"y" * 2, good[:-1] + b"3"]) == [b"x", good]


def test_a_campaign_counts_as_failed_when_it_crashed_grew_or_did_nothing() -> None:
    even = Result("hello", executions=1_000, memory=[(10, 50), (200, 60), (900, 70)])
    assert (even.fault, even.growth_mb) == ("", 10)
    assert Result("hello", executions=1_000, memory=[(10, 50), (900, 150)]).fault == "grew by 100 MB"
    assert Result("hello").fault == "nothing was executed"
    assert Result("hello", executions=5, status=77, memory=[(1, 1)]).fault == "ended with status 77"
