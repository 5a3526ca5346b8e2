"""``jurors.json``: tickets, jurors, tests and connections of a round, and the draws below them (spec 3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hypernode.core.lottery import (
    Draws,
    compute_connect_to,
    compute_jurors,
    compute_tests,
    compute_tickets,
    hash_ticket,
)
from hypernode.core.params.chain_params import ChainParams, replace_fields
from hypernode.core.params.networks import mainnet
from hypernode.core.types import Registration
from hypernode.vectors.outcome import Agree, Json, Outcome, compare_fields

_SAMPLE = "sample_range"
_SHUFFLE = "shuffle_range"
_BELOW = "randbelow_"
_CHOICE = "choice_0_"
_BITS = "getrandbits"


def run_case(document: Json, case: Json) -> Outcome:
    """Judge a case of kind round or mt19937."""
    if case["kind"] == "mt19937":
        return _judge_draws(case)
    return _judge_round(_read_network(document), case)


def _read_network(document: Json) -> ChainParams:
    params = mainnet()
    config = document.get("config", {})
    return replace_fields(
        params,
        slots=config.get("MAX_ROUND_SLOTS", params.slots),
        tests_per_slot=config.get("TESTS_PER_SLOT", params.default_tunables.tests_per_slot),
        test_kinds=tuple(config.get("TESTS_TYPE", params.test_kinds)),
        max_connect_to=config.get("MAX_CONNECT_TO", params.default_tunables.max_connect_to),
    )


def _judge_round(params: ChainParams, case: Json) -> Outcome:
    everyone: list[tuple[str, int]] = [(address, weight) for address, weight in case["full_hn_list"]]
    addresses = [address for address, _ in everyone]
    reference_hash = bytes.fromhex(case["reference_hash"])
    tickets = compute_tickets([everyone[i] for i in case["active"]], params.slots)
    jurors = compute_jurors(tickets, reference_hash, params.slots)
    tests = compute_tests(
        params.test_kinds, params.default_tunables.tests_per_slot, addresses, jurors, reference_hash
    )
    place = {address: i for i, address in enumerate(addresses)}
    sample = tickets[:3] + tickets[-1:]
    got = {
        "tickets_count": len(tickets),
        "tickets_sample_first3_and_last": [[t.address, t.ticket, hash_ticket(t).hex()] for t in sample],
        "slots": [[juror.address, juror.ticket] for juror in jurors],
        "test_slots": [[[place[t.tester], place[t.tested], t.kind] for t in slot] for slot in tests],
    }
    outcome = compare_fields({name: case[name] for name in got if name in case}, got)
    return outcome if not isinstance(outcome, Agree) else _judge_connections(params, case, everyone)


def _judge_connections(params: ChainParams, case: Json, everyone: Sequence[tuple[str, int]]) -> Outcome:
    registered = [Registration("", "", "", address, "", weight) for address, weight in everyone]
    for asked in case.get("get_connect_to", []):
        chosen = compute_connect_to(
            params.default_tunables.max_connect_to, registered, asked["address"], asked["round"]
        )
        outcome = compare_fields({"connect_to": asked["connect_to"]}, {"connect_to": [r.pos for r in chosen]})
        if not isinstance(outcome, Agree):
            return outcome
    return Agree()


def _judge_draws(case: Json) -> Outcome:
    """Each list was drawn by a generator of its own; its key says the call and the range."""
    seed = bytes.fromhex(case["seed"]) if case["seed_type"] == "bytes" else str(case["seed"])
    recorded = {name: value for name, value in case.items() if isinstance(value, list)}
    got = {name: _draw(name, Draws(seed), len(value)) for name, value in recorded.items()}
    return compare_fields(recorded, got)


def _draw(name: str, draws: Draws, count: int) -> object:
    calls: tuple[tuple[str, Callable[[int], object]], ...] = (
        (_BITS, draws.getrandbits),
        (_BELOW, draws.below),
        (_CHOICE, lambda last: draws.one_of(range(last + 1))),
    )
    for prefix, call in calls:
        if name.startswith(prefix):
            number = int(name.removeprefix(prefix))
            return [call(number) for _ in range(count)]
    if name.startswith(_SHUFFLE):
        items = list(range(int(name.removeprefix(_SHUFFLE))))
        draws.shuffle(items)
        return items
    if name.startswith(_SAMPLE) and name.endswith("_2"):
        places = range(int(name.removeprefix(_SAMPLE).removesuffix("_2")))
        return [list(draws.two_of(places)) for _ in range(count)]
    raise ValueError(f"unknown draw {name!r}: expected {_BITS}, {_BELOW}, {_CHOICE}, {_SAMPLE} or {_SHUFFLE}")
