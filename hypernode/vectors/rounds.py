"""``rounds.json``: time to round and slot, and back (spec 3, time)."""

from __future__ import annotations

from dataclasses import replace

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.params.networks import mainnet
from hypernode.core.timeline import compute_reference_time, compute_round_slot, compute_round_start
from hypernode.vectors.outcome import Json, Outcome, compare_fields


def run_case(document: Json, case: Json) -> Outcome:
    """Judge a case of kind timestamp_to_round_slot or round, on the network of the file's ``config``."""
    params = _read_network(document)
    if case["kind"] == "timestamp_to_round_slot":
        round_, slot = compute_round_slot(params, case["timestamp"])
        return compare_fields({"round": case["round"], "slot": case["slot"]}, {"round": round_, "slot": slot})
    recorded = {name: value for name, value in case.items() if name.startswith("round_to_")}
    got = {
        "round_to_timestamp": compute_round_start(params, case["round"]),
        "round_to_reference_timestamp": compute_reference_time(params, case["round"]),
    }
    return compare_fields(recorded, got)


def _read_network(document: Json) -> ChainParams:
    """Main with the file's times.  Legacy nodes recorded it: the reference time is theirs."""
    params = mainnet()
    config = document.get("config", {})
    return replace(
        params,
        origin_of_time=config.get("ORIGIN_OF_TIME", params.origin_of_time),
        slot_s=config.get("POS_SLOT_TIME_SEC", params.slot_s),
        slots=config.get("MAX_ROUND_SLOTS", params.slots),
        closing_slots=config.get("END_ROUND_SLOTS", params.closing_slots),
        reference="legacy",
    )
