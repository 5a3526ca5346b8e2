"""Messages verified: decoded, their address and their signature, on one core and on all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from statistics import median

from coincurve import PublicKey

from benchmarks.bounds import count_cores
from benchmarks.chains import ORIGIN, Party, make_message, make_messages
from benchmarks.figures import Row, compute_noise, interleave, list_ratios, time_await, time_thread
from hypernode.app import worker
from hypernode.app.verifier import ThreadVerifier
from hypernode.app.worker_pool import WorkerPool
from hypernode.core import address, signing
from hypernode.core.block import create_genesis
from hypernode.core.message import encode_signed_buffer
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.signing import CURVE_ORDER
from hypernode.core.types import Message
from hypernode.core.validate_message import check_messages
from hypernode.wire.catalogue import CommandId, Limits
from hypernode.wire.checked_blocks import check_blocks
from hypernode.wire.codec import Command, decode_command, encode_command

TARGET = 0.8
COLD_TARGET = 0.75
CORES_TARGET = 0.85
"""Of the number of cores: 1.7 for two."""
PAYLOADS = 6
ANY_NUMBER = Limits(mempool_messages=10_000)


class BareLoop:
    """libsecp256k1's verify in a loop of coincurve's, everything else made before: the bound."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self._prepared = [
            (PublicKey(b"\x04" + m.pubkey), _encode_der(m.txid), signing._digest(encode_signed_buffer(m)))
            for m in messages
        ]

    def run(self) -> None:
        for key, signature, digest in self._prepared:
            if not key.verify(signature, digest, hasher=None):
                raise ValueError("a signature of the benchmark is invalid")


def _encode_der(txid: bytes) -> bytes:
    """The form that coincurve's ``verify`` reads."""
    r, s = int.from_bytes(txid[:32], "big"), int.from_bytes(txid[32:], "big")
    numbers = ((r, r.bit_length() // 8 + 1), (min(s, CURVE_ORDER - s), s.bit_length() // 8 + 1))
    body = b"".join(b"\x02" + bytes([size]) + number.to_bytes(size, "big") for number, size in numbers)
    return b"\x30" + bytes([len(body)]) + body


def encode_messages(messages: Sequence[Message]) -> bytes:
    return encode_command(Command(CommandId.TX, messages=tuple(messages)))


def verify_payload(params: ChainParams, payload: bytes) -> None:
    """What a node does with messages from the wire."""
    if check_messages(params, decode_command(payload, ANY_NUMBER).messages):
        raise ValueError("a message of the benchmark is invalid")


def forget_senders() -> None:
    """Empty the caches of addresses and keys, as in a node that just started."""
    address.compute_address.cache_clear()
    address._is_valid_address.cache_clear()
    signing._parse_pubkey.cache_clear()


def measure_one_core(party: Party, count: int, runs: int) -> list[Row]:
    """One core: senders known, all of them new, and each message of another new sender."""
    messages = make_messages(party, count, ORIGIN + 100_000)
    bare, payload = BareLoop(messages), encode_messages(messages)
    first_words = [make_message(party, n, ORIGIN + 100_000) for n in range(len(party.addresses))]
    bare_first, payload_first = BareLoop(first_words), encode_messages(first_words)

    def run_cold(payload: bytes) -> float:
        forget_senders()
        return time_thread(lambda: verify_payload(party.params, payload))

    times = interleave(
        {
            "bare": lambda: time_thread(bare.run),
            "warm": lambda: time_thread(lambda: verify_payload(party.params, payload)),
            "cold": lambda: run_cold(payload),
            "bare first": lambda: time_thread(bare_first.run),
            "first": lambda: run_cold(payload_first),
        },
        runs,
    )
    rate = count / median(times["bare"])
    bound = f"bare verify loop: {rate:,.0f}/s"
    names = f"{len(party.addresses)} senders"
    return [
        _make_row(f"verify a message, one core, {names}", count, times, "warm", "bare", bound, TARGET),
        _make_row(
            f"the same, all {names} cold, {count // len(party.addresses)} messages each",
            *(count, times, "cold", "bare", bound, COLD_TARGET),
        ),
        _make_row(
            "the same, every message the first of its sender",
            *(len(first_words), times, "first", "bare first", bound, None),
        ),
    ]


def _make_row(
    work: str,
    count: int,
    times: dict[str, list[float]],
    name: str,
    bare: str,
    bound: str,
    target: float | None,
) -> Row:
    ratios = list_ratios(times, name, bare)
    rate, ratio = count / median(times[name]), median(ratios)
    return Row(
        work,
        f"{rate:,.0f}/s, {ratio:.2f} of the bound",
        bound,
        f"≥ {target} of the bound" if target else "",
        ratio >= target if target else None,
        {"ratio": ratio, "per_second": rate},
        compute_noise(ratios),
    )


async def measure_cores(party: Party, count: int, runs: int) -> list[Row]:
    """Answers with ``count`` messages each decoded and verified by one process and by one on each core, in
    turn; and in threads."""
    messages = [make_messages(party, count, ORIGIN + 100_000, n * count) for n in range(PAYLOADS)]
    head = create_genesis(party.params)
    blocks = [replace(head, messages=tuple(part), msg_count=count) for part in messages]
    payloads = [encode_command(Command(CommandId.BLOCKSYNC, blocks=(block,))) for block in blocks]
    cores = count_cores()
    one, every, threads = WorkerPool(1), WorkerPool(cores), ThreadVerifier(cores)

    async def in_processes(pool: WorkerPool) -> None:
        await asyncio.gather(*(pool.do(worker.BLOCKS, party.params, payload) for payload in payloads))

    async def in_threads() -> None:
        work = partial(check_blocks, party.params)
        jobs = (threads.run(partial(work, payload, 0)) for payload in payloads)
        await asyncio.gather(*jobs)

    times: dict[str, list[float]] = {"one": [], "every": [], "threads": []}
    try:
        await in_processes(one)  # they start
        await in_processes(every)
        for _ in range(runs):
            times["one"].append(await time_await(lambda: in_processes(one)))
            times["every"].append(await time_await(lambda: in_processes(every)))
            times["threads"].append(await time_await(in_threads))
    finally:
        for pool in (one, every, threads):
            pool.close()
    one_rate = PAYLOADS * count / median(times["one"])
    bound = f"one process: {one_rate:,.0f}/s"
    target = CORES_TARGET * cores
    return [
        _make_cores_row(f"verifying answers in {cores} processes", times, "every", one_rate, bound, target),
        _make_cores_row(f"the same in {cores} threads", times, "threads", one_rate, bound, None),
    ]


def _make_cores_row(
    work: str, times: dict[str, list[float]], name: str, one_rate: float, bound: str, target: float | None
) -> Row:
    ratios = list_ratios(times, name, "one")
    ratio = median(ratios)
    rate = one_rate * median(times["one"]) / median(times[name])
    return Row(
        work,
        f"{rate:,.0f}/s, {ratio:.2f} × one",
        bound,
        f"≥ {target:.1f} × one" if target else "",
        ratio >= target if target else None,
        {"ratio": ratio, "per_second": rate},
        compute_noise(ratios),
    )
