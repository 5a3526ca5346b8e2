"""``make mutants``: plant forty bugs, one after the other, and hold that the tests notice each.

Exit status 0 when all were caught, 1 when one survived, 2 when the tests fail without any bug or a mutation
does not fit the source any more.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from queue import Queue

from tests.mutants.catalogue import MUTANTS, Mutant, NotPlantable
from tests.mutants.planting import ROOT, make_copy
from tests.mutants.trial import CannotTell, Fate, Verdict, list_stages, run_tests, try_mutant

TABLE = ROOT / "docs" / "mutants_table.inc"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it."""
    args = _parse(arguments)
    mutants = [mutant for mutant in MUTANTS if args.only in mutant.file or args.only in mutant.old]
    try:
        for mutant in mutants:
            mutant.apply((ROOT / "hypernode" / mutant.file).read_text(encoding="utf-8"))
        verdicts = _try_all(mutants, args.jobs)
    except (NotPlantable, CannotTell, OSError) as error:
        print(f"{error}\nnothing is known about the tests", file=sys.stderr)
        return 2
    caught = sum(verdict.fate is Fate.CAUGHT for verdict in verdicts)
    print(f"{caught} of {len(verdicts)} caught")
    if args.write:
        TABLE.write_text(format_rst(verdicts, _describe_commit()), encoding="utf-8")
    return 0 if caught == len(verdicts) else 1


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="those whose file or changed text has this"
    )
    parser.add_argument("--jobs", type=int, default=2, help="copies that are worked on side by side (2)")
    parser.add_argument("--write", action="store_true", help="write the table of the documentation")
    return parser.parse_args(arguments)


def _try_all(mutants: Sequence[Mutant], jobs: int) -> list[Verdict]:
    """Each in a copy that nobody else works on.  Raises CannotTell, also where the tests fail without
    a bug."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copies: Queue[Path] = Queue()
        for number in range(max(1, jobs)):
            copy = Path(folder) / str(number)
            copy.mkdir()
            make_copy(copy)
            copies.put(copy)

        def work(mutant: Mutant) -> Verdict:
            copy = copies.get()
            try:
                verdict = try_mutant(copy, mutant)
                print(format_line(verdict), flush=True)
                return verdict
            finally:
                copies.put(copy)

        _check_sound(copies.queue[0], mutants)
        with ThreadPoolExecutor(max(1, jobs)) as pool:
            return list(pool.map(work, mutants))


def _check_sound(copy: Path, mutants: Sequence[Mutant]) -> None:
    """What is to notice the bugs passes without them."""
    first = {path for mutant in mutants for path in list_stages(mutant, copy)[0][1]}
    failed = run_tests(copy, sorted(first))
    if failed:
        raise CannotTell(f"{failed} fails without any bug")


def format_line(verdict: Verdict) -> str:
    """What became of one, for the terminal."""
    change = f"{verdict.mutant.old.strip()!r} -> {verdict.mutant.new.strip()!r}"
    end = f"by {verdict.by} ({verdict.stage})" if verdict.fate is Fate.CAUGHT else verdict.mutant.why
    return f"{verdict.fate.value:<8} {verdict.seconds:>5.0f} s  {verdict.mutant.file}: {change}: {end}"


def format_rst(verdicts: Sequence[Verdict], commit: str) -> str:
    """The table of the documentation."""
    caught = sum(verdict.fate is Fate.CAUGHT for verdict in verdicts)
    head = f"{caught} of {len(verdicts)} caught, {commit}.\n\n.. list-table::\n   :header-rows: 1\n"
    rows = [("module", "what would come of it", "noticed by")]
    rows += [
        (f"``{one.mutant.file}``", one.mutant.why, _name_test(one.by) if one.by else "nobody")
        for one in verdicts
    ]
    head += "   :widths: 26 44 30\n"
    cells = "".join(f"\n   * - {row[0]}\n     - {row[1]}\n     - {row[2]}" for row in rows)
    return f"{head}{cells}\n"


def _name_test(node_id: str) -> str:
    return f"``{node_id.split('::')[-1].split('[')[0]}``"


def _describe_commit() -> str:
    command = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()
    today = datetime.now(UTC)
    return f"{today.day} {today:%B %Y}, commit ``{commit}``"


if __name__ == "__main__":
    sys.exit(main())
