"""A list never depends on where its derivation was cut, nor on chunks, rollbacks or indices of the file."""

from __future__ import annotations

import tempfile
from functools import partial
from itertools import pairwise
from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from hypernode.core.errors import Reject
from hypernode.core.registrations.registration_text import parse_registration
from hypernode.core.registrations.registry import (
    COIN,
    OPERATIONS,
    PowRow,
    RegistryState,
    compute_balance,
    sort_rows,
)
from hypernode.core.registrations.registry_json import decode_state, encode_state
from hypernode.core.registrations.registry_rules import apply_rows
from hypernode.devnet.pow_ledger import LedgerRow
from hypernode.pow.ledger.file import LedgerFile
from hypernode.pow.ledger.registry import LedgerRegistry, RegistryOptions
from tests.property import registry_oracle
from tests.unit.pow.ledgers import (
    FIRST,
    FUNDER,
    NETWORK,
    blocks,
    collateral,
    pos,
    roll_back_to,
    row,
    time_of,
    write,
)

LAST = FIRST + 30
TIP = LAST + 25

senders = st.sampled_from([collateral(n) for n in range(1, 5)] + [NETWORK.control_pow])
heights = st.integers(FIRST, LAST)
texts = st.builds(
    "10.0.0.{}:{}:{}{}".format,
    st.integers(1, 3),
    st.sampled_from(["6969", "7000"]),
    st.integers(1, 3).map(pos),
    st.sampled_from(["", "", ",reason=x", ",", f",reward={collateral(9)}"]),
)
registry_rows = st.builds(
    lambda height, sender, operation, text: row(height, sender, sender, 0, operation, text),
    heights,
    senders,
    st.sampled_from(OPERATIONS),
    texts,
)
funding_rows = st.builds(
    lambda height, sender, other, amount: row(height, sender, other, amount),
    heights,
    st.sampled_from([FUNDER, collateral(1), collateral(2)]),
    senders,
    st.sampled_from([9_999.99, 10_000.02, 0.1, 31_000, 5_000.00000001]),
)
feeds = st.lists(st.one_of(registry_rows, registry_rows, funding_rows), max_size=40)
cuts = st.lists(heights, min_size=1, max_size=4)


def to_pow_row(r: LedgerRow) -> PowRow:
    amount, fee, reward = (round(value * COIN) for value in (r.amount, r.fee, r.reward))
    texts = (r.operation, r.openfield, r.block_hash)
    return PowRow(r.block_height, r.timestamp, r.address, r.recipient, amount, fee, reward, *texts)


@given(feeds, cuts)
def test_a_list_in_steps_equals_one_from_the_start(feed: list[LedgerRow], at: list[int]) -> None:
    rows = [to_pow_row(r) for r in feed]
    get_balance = partial(compute_balance, rows)
    registry = sort_rows(NETWORK, [r for r in rows if r.operation])
    whole, results = apply_rows(NETWORK, RegistryState(), registry, get_balance)
    state, parts, after = RegistryState(), [], 0
    for cut in [*sorted(at), LAST]:
        piece = [r for r in registry if after < r.height <= cut]
        state, more = apply_rows(NETWORK, decode_state(encode_state(state), "kept"), piece, get_balance)
        parts += more
        after = cut
    assert (state, parts) == (whole, results)


@given(feeds)
def test_the_rules_by_tables_are_those_entry_by_entry(feed: list[LedgerRow]) -> None:
    rows = [to_pow_row(r) for r in feed]
    registry = sort_rows(NETWORK, [r for r in rows if r.operation])
    get_balance = partial(compute_balance, rows)
    found = apply_rows(NETWORK, RegistryState(), registry, get_balance)
    assert found == registry_oracle.apply_rows(NETWORK, RegistryState(), registry, get_balance)


@given(feeds)
def test_no_two_registrations_share_ip_pos_or_collateral(feed: list[LedgerRow]) -> None:
    rows = [to_pow_row(r) for r in feed if r.operation]
    state, _ = apply_rows(NETWORK, RegistryState(), sort_rows(NETWORK, rows), lambda *_: None)
    for name in ("ip", "pos", "collateral"):
        values = [getattr(entry, name) for entry in state.entries]
        assert len(set(values)) == len(values)


@settings(max_examples=40, deadline=None)
@given(feeds, feeds, cuts, heights, st.integers(1, 60))
def test_the_reader_agrees_with_the_rules_across_rollbacks(
    feed: list[LedgerRow], other: list[LedgerRow], at: list[int], fork: int, chunk_rows: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        written = blocks(FIRST, TIP, feed)
        write(path, written)
        registry = LedgerRegistry(LedgerFile(path), NETWORK, RegistryOptions(chunk_rows))
        for cut in at:
            assert registry.derive_at(time_of(cut)) == (cut, derive(written, cut))
        roll_back_to(path, fork)
        kept = [r for r in written if r.block_height <= fork]
        after = blocks(fork + 1, TIP, other, fork=1)
        write(path, after)
        for cut in at:
            assert registry.derive_at(time_of(cut)) == (cut, derive(kept + after, cut))


@settings(max_examples=40, deadline=None)
@given(
    feeds,
    st.lists(st.tuples(heights, st.sampled_from([collateral(1), collateral(2), FUNDER])), max_size=5),
    cuts,
    st.integers(1, 60),
    st.randoms(use_true_random=False),
)
def test_neither_the_order_of_rows_nor_what_is_kept_changes_a_list(
    feed: list[LedgerRow], mirrors: list[tuple[int, str]], at: list[int], chunk_rows: int, random: Random
) -> None:
    """Blocks out of order, mirror rows of negative heights to collaterals, restarts between rounds."""
    written = blocks(FIRST, TIP, feed)
    for height, recipient in mirrors:
        mirror = row(-height, "Hypernode Payouts", recipient, 123.45678901, fee=0)
        written.insert(random.randrange(len(written)), mirror)
    if random.random() < 0.5:
        starts = sorted(random.sample(range(len(written)), 3))
        parts = [written[a:b] for a, b in pairwise([0, *starts, len(written)])]
        random.shuffle(parts)
        written = [r for part in parts for r in part]
    with tempfile.TemporaryDirectory() as folder:
        path, kept = Path(folder) / "ledger.db", Path(folder) / "kept.db"
        write(path, written)
        for cut in at:
            registry = LedgerRegistry(LedgerFile(path), NETWORK, RegistryOptions(chunk_rows, cache_path=kept))
            assert registry.derive_at(time_of(cut)) == (cut, derive(written, cut))
            registry.get_status(0)  # seals what a list left
            assert registry.derive_at(time_of(cut)) == (cut, derive(written, cut))
            registry.close()


def derive(written: list[LedgerRow], height: int) -> RegistryState:
    """From the start, with balances counted row by row."""
    rows = [to_pow_row(r) for r in written]
    registry = [r for r in sort_rows(NETWORK, rows) if r.operation in OPERATIONS and r.height <= height]
    return apply_rows(NETWORK, RegistryState(), registry, partial(compute_balance, rows))[0]


@given(st.text(alphabet="a1.:,= \n", max_size=30), st.sampled_from(["a", "1"]))
def test_parsing_never_fails_but_by_refusing(openfield: str, sender: str) -> None:
    try:
        text = parse_registration(openfield, sender)
    except Reject:
        return
    assert openfield.startswith(f"{text.ip}:{text.port}:{text.pos}")
