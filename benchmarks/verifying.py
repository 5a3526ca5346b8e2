"""Messages verified: decoded, their address and their signature, on one core and on two."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from statistics import median

from coincurve import PublicKey

from benchmarks.chains import ORIGIN, Party, make_message, make_messages
from benchmarks.figures import Row, compute_median_ratio, interleave, time_await, time_thread
from hypernode.app.verifier import ThreadVerifier
from hypernode.core import address, signing
from hypernode.core.chain_params import ChainParams
from hypernode.core.message import encode_signed_buffer
from hypernode.core.signing import CURVE_ORDER
from hypernode.core.types import Message
from hypernode.core.validate_message import check_messages
from hypernode.wire.catalogue import CommandId, Limits
from hypernode.wire.codec import Command, decode_command, encode_command

TARGET = 0.8
COLD_TARGET = 0.75
CORES_TARGET = 1.6
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
    rate, ratio = count / median(times[name]), compute_median_ratio(times, name, bare)
    return Row(
        work,
        f"{rate:,.0f}/s, {ratio:.2f} of the bound",
        bound,
        f"≥ {target} of the bound" if target else "",
        ratio >= target if target else None,
        {"per_second": rate, "ratio": ratio},
    )


async def measure_cores(party: Party, count: int, runs: int) -> list[Row]:
    """The same work given to one thread, to two, and to two processes, which are told the verdicts only: the
    messages would have to be decoded in the node as well."""
    payloads = [
        encode_messages(make_messages(party, count, ORIGIN + 100_000, n * count)) for n in range(PAYLOADS)
    ]
    params = party.params
    times: dict[str, list[float]] = {"one": [], "two": [], "processes": []}
    one, two = ThreadVerifier(1), ThreadVerifier(2)
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as processes:
        try:
            await _verify_in_processes(processes, params, payloads)  # they start
            for _ in range(runs):
                times["one"].append(await time_await(lambda: _verify_in_threads(one, params, payloads)))
                times["two"].append(await time_await(lambda: _verify_in_threads(two, params, payloads)))
                times["processes"].append(
                    await time_await(lambda: _verify_in_processes(processes, params, payloads))
                )
        finally:
            one.close()
            two.close()
    one_rate = PAYLOADS * count / median(times["one"])
    bound = f"one core in a thread: {one_rate:,.0f}/s"
    return [
        _make_cores_row("the same on two cores", times, "two", one_rate, bound, CORES_TARGET),
        _make_cores_row("the same in two processes", times, "processes", one_rate, bound, None),
    ]


def _make_cores_row(
    work: str, times: dict[str, list[float]], name: str, one_rate: float, bound: str, target: float | None
) -> Row:
    ratio = compute_median_ratio(times, name, "one")
    rate = one_rate * median(times["one"]) / median(times[name])
    return Row(
        work,
        f"{rate:,.0f}/s, {ratio:.2f} × one core",
        bound,
        f"≥ {target} × one core" if target else "",
        ratio >= target if target else None,
        {"per_second": rate, "ratio": ratio},
    )


async def _verify_in_threads(
    verifier: ThreadVerifier, params: ChainParams, payloads: Sequence[bytes]
) -> None:
    async def verify(payload: bytes) -> None:
        command = await verifier.run(lambda: decode_command(payload, ANY_NUMBER))
        if any(await verifier.find_core_breaks(params, command.messages)):
            raise ValueError("a message of the benchmark is invalid")

    await asyncio.gather(*map(verify, payloads))


async def _verify_in_processes(pool: Executor, params: ChainParams, payloads: Sequence[bytes]) -> None:
    loop = asyncio.get_running_loop()
    await asyncio.gather(*(loop.run_in_executor(pool, verify_payload, params, p) for p in payloads))
