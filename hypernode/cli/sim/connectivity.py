"""``hn_simulate.py``: how many connections the hypernodes of a network should keep (spec 6, command lines).

For each number of hypernodes and each MAX_CONNECT_TO some rounds are drawn by the rules and measured; a
table, JSON or pictures say what came out, and which MAX_CONNECT_TO is the least that is enough.  Nothing is
asked of any node or disk.  Exit status: 0 done, 2 usage.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hypernode import __version__
from hypernode.cli.exit_codes import Exit

if TYPE_CHECKING:
    from hypernode.core.params.chain_params import ChainParams
    from hypernode.sim.connectivity import Scenario
    from hypernode.sim.survey import Findings

MAX_NODES: Final = 2_000
"""A round of so many is drawn in some seconds; the network has some hundred."""
MAX_ROUNDS: Final = 1_000
DEFAULT_NODES: Final = (50, 100, 200, 300, 500, 700, 1_000)
DEFAULT_CONNECTIONS: Final = (10, 20, 40, 60, 80, 100, 120, 140)
PICTURE: Final = "connectivity.svg"
ADVICE_PICTURE: Final = "connectivity_advice.svg"


def main(argv: list[str] | None = None) -> int:
    """Simulate, print, draw; returns the exit status."""
    args = _make_parser().parse_args(argv)
    from hypernode.config.networks import load_network_of_client
    from hypernode.config.parameter_table import ConfigError
    from hypernode.config.paths import get_start_folder

    try:
        params = load_network_of_client(args.network, get_start_folder())
        findings, advice = _simulate(args, params)
        if args.svg is not None:
            _save_pictures(args.svg, findings, advice, params)
    except (ConfigError, OSError) as error:
        print(f"hn_simulate: {error}", file=sys.stderr)
        return Exit.USAGE
    print(_format_json(args, findings, advice) if args.json else _format_table(findings, advice))
    return Exit.OK


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hn_simulate.py", description="Simulate how well hypernodes are connected."
    )
    whole, share = _list_of(_whole(1, MAX_NODES)), _number(0.01, 1.0)
    parser.add_argument("--nodes", type=whole, default=DEFAULT_NODES, help="numbers of hypernodes, as 50,100")
    parser.add_argument(
        "--connect", type=whole, default=DEFAULT_CONNECTIONS, help="values of MAX_CONNECT_TO, as 10,20,40"
    )
    parser.add_argument("--uptime", type=share, default=0.9, help="part that is up (default %(default)g)")
    parser.add_argument(
        "--outage",
        type=_number(1, 10_000),
        default=6.0,
        help="rounds that an outage lasts (default %(default)g)",
    )
    parser.add_argument(
        "--weights",
        type=_list_of(_whole(0, 3)),
        default=(1, 2, 3),
        help="registered weights, which go round over the list (default 1,2,3)",
    )
    parser.add_argument(
        "--slots",
        type=_whole(1, 1_000),
        default=19,
        help="slots with a juror in a round (default %(default)s)",
    )
    parser.add_argument(
        "--rounds", type=_whole(1, MAX_ROUNDS), default=3, help="rounds to draw (default %(default)s)"
    )
    parser.add_argument(
        "--seed", type=_whole(0, 2**32), default=1, help="of all chance (default %(default)s)"
    )
    parser.add_argument("--network", default="mainnet", help="whose bars and delays (default mainnet)")
    parser.add_argument("--json", action="store_true", help="JSON on one line")
    parser.add_argument("--svg", type=Path, metavar="FOLDER", help="write pictures there")
    parser.add_argument("-V", "--version", action="version", version=f"hypernode {__version__}")
    return parser


def _whole(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdecimal()) or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"expected a whole number from {least} to {most}, not {text!a}")
        return int(text)

    return parse


def _number(least: float, most: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = least - 1
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"expected a number from {least:g} to {most:g}, not {text!a}")
        return value

    return parse


def _list_of(parse: Callable[[str], int]) -> Callable[[str], tuple[int, ...]]:
    return lambda text: tuple(dict.fromkeys(parse(part) for part in text.split(",")))


def _simulate(args: argparse.Namespace, params: ChainParams) -> tuple[list[Findings], dict[int, int]]:
    from hypernode.sim.survey import advise, survey

    findings: list[Findings] = []
    advice: dict[int, int] = {}
    for nodes in args.nodes:
        scenario = _make_scenario(args, nodes, params)
        # who dials more than there are dials all
        wanted = [count for count in args.connect if count < nodes] or [max(1, nodes - 1)]
        findings += survey(scenario, wanted)
        advice[nodes] = advise(scenario)
    return findings, advice


def _make_scenario(args: argparse.Namespace, nodes: int, params: ChainParams) -> Scenario:
    from hypernode.sim.connectivity import Scenario

    return Scenario(
        nodes=nodes,
        uptime=args.uptime,
        weights=args.weights,
        outage_rounds=args.outage,
        slots=args.slots,
        rounds=args.rounds,
        seed=args.seed,
        params=params,
    )


def _format_json(args: argparse.Namespace, findings: Sequence[Findings], advice: dict[int, int]) -> str:
    names = ("uptime", "outage", "weights", "slots", "rounds", "seed", "network")
    return json.dumps(
        {
            "scenario": {name: getattr(args, name) for name in names},
            "findings": [asdict(found) for found in findings],
            "advice": {str(nodes): count for nodes, count in advice.items()},
        }
    )


_HEADINGS: Final = (
    *("nodes", "connect", "degree", "least", "most", "joined", "in sight", "can forge", "low bar"),
    *("jurors up", "direct", "in two", "half", "all", "worst", "copies", "heights", "messages", "blocks"),
)
_KEY: Final = """\
degree, least, most: others that are up and connected; joined: part of them in one group (worst round);
in sight: least percent of all registered; can forge, low bar: jurors with enough in sight;
direct, in two: other jurors over one or two connections; half, all, worst: until a message is there;
copies: times that it comes; heights, messages, blocks: KB that a hypernode sends in an hour"""


def _format_table(findings: Sequence[Findings], advice: dict[int, int]) -> str:
    from hypernode.cli.text_table import format_table

    table = format_table(_HEADINGS, [_make_row(found) for found in findings])
    advised = format_table(("nodes", "MAX_CONNECT_TO should be at least"), list(advice.items()))
    return f"{table}\n\n{_KEY}\n\n{advised}"


def _make_row(f: Findings) -> list[object]:
    return [
        *(f.nodes, f.max_connect_to, f"{f.degree_mean:.1f}", f.degree_min, f.degree_max),
        *(_percent(f.connected), f"{f.percent_min} %", _percent(f.can_forge), _percent(f.can_forge_low)),
        *(_percent(f.jurors_up), _percent(f.jurors_direct), _percent(f.jurors_in_two)),
        *(f"{f.half_s:.1f} s", f"{f.all_s:.1f} s", f"{f.worst_s:.1f} s", f"{f.copies:.1f}"),
        *(f"{f.heights_kb:.0f}", f"{f.messages_kb:.0f}", f"{f.blocks_kb:.0f}"),
    ]


def _percent(part: float) -> str:
    return f"{100 * part:.0f} %"


def _save_pictures(
    folder: Path, findings: Sequence[Findings], advice: dict[int, int], params: ChainParams
) -> None:
    from hypernode.cli.svg import Panel, Series, draw

    def plot(get: Callable[[Findings], float]) -> list[Series]:
        return [
            Series(f"{n} nodes", [(f.max_connect_to, get(f)) for f in findings if f.nodes == n])
            for n in advice
        ]

    across, bar = "MAX_CONNECT_TO", params.default_tunables.min_forge_consensus
    panels = [
        Panel(
            "Least percent of all registered in sight",
            across,
            "%",
            plot(lambda f: f.percent_min),
            ("bar to forge", bar),
        ),
        Panel("Jurors that can forge", across, "%", plot(lambda f: 100 * f.can_forge)),
        Panel("Until all have a message", across, "s", plot(lambda f: f.all_s)),
        Panel(
            "Sent by a hypernode in an hour",
            across,
            "MB",
            plot(lambda f: (f.heights_kb + f.messages_kb + f.blocks_kb) / 1_000),
        ),
    ]
    advised = Panel(
        "The least MAX_CONNECT_TO that is enough",
        "hypernodes on the list",
        across,
        [Series("", list(advice.items()))],
        (
            f"{params.name} has {params.default_tunables.max_connect_to}",
            params.default_tunables.max_connect_to,
        ),
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PICTURE).write_text(draw("Connectivity of hypernodes", panels), encoding="utf-8")
    (folder / ADVICE_PICTURE).write_text(draw(advised.title, [advised]), encoding="utf-8")
