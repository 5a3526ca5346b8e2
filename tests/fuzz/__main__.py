"""A campaign over all targets: ``python -m tests.fuzz --minutes 20 --executions 10000000``.

Ends with status 1 and the fuzzer's last words when an input raised, hung, or made the process grow.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fuzz.campaign import Result, keep_corpus, run_target
from tests.fuzz.targets import TARGETS


def parse_arguments() -> argparse.Namespace:
    """The options, checked."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0, help="in all, at most (default: 20)")
    parser.add_argument("--executions", type=int, default=10_000_000, help="in all (default: 10 million)")
    parser.add_argument("--jobs", type=int, default=2, help="processes side by side (default: 2)")
    parser.add_argument("--targets", nargs="+", choices=list(TARGETS), default=list(TARGETS))
    parser.add_argument(
        "--keep", action="store_true", help="minimise the corpus and save it in tests/fuzz/corpus"
    )
    return parser.parse_args()


def main() -> int:
    """Run the campaign; the exit status."""
    arguments = parse_arguments()
    shares = sum(TARGETS[name].share for name in arguments.targets)
    folder = Path(tempfile.mkdtemp(prefix="hypernode-fuzz-"))
    started = time.monotonic()
    end = started + arguments.minutes * 60

    def run(name: str) -> Result:
        count = max(1, round(arguments.executions * TARGETS[name].share / shares))
        begun = time.monotonic()
        result = run_target(name, folder, executions=count, seconds=end - begun)
        result.seconds = time.monotonic() - begun
        _show(result)
        return result

    with ThreadPoolExecutor(arguments.jobs) as pool:
        results = list(pool.map(run, sorted(arguments.targets, key=lambda name: TARGETS[name].share)))
    total = sum(result.executions for result in results)
    print(f"{total:,} executions in {time.monotonic() - started:,.0f} s")
    faulty = [result for result in results if result.fault]
    for result in faulty:
        print(f"\n{result.name} {result.fault}; what it found is in {folder}", *result.last_words, sep="\n")
    if arguments.keep:
        for name in arguments.targets:
            print(f"{name}: {keep_corpus(name, folder)} inputs kept")
    if not faulty:
        shutil.rmtree(folder)
    return 1 if faulty else 0


def _show(result: Result) -> None:
    rate = result.executions / max(result.seconds, 0.001)
    print(
        f"{result.name:14} {result.executions:>12,} executions {rate:>9,.0f}/s {result.covered:>6} branches "
        f"{result.growth_mb if result.memory else 0:>4} MB more  {result.fault or 'nothing found'}",
        flush=True,
    )


if __name__ == "__main__":
    raise SystemExit(main())
