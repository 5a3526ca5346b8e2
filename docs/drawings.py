"""Draws the pictures of the documentation that show the cut of the program: ``python docs/drawings.py``.

``layers.svg`` follows from the two layers contracts in ``pyproject.toml``, so it cannot show what is not so.
A test holds that both pictures are as this module draws them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
STATIC: Final = HERE / "_static"

PURE: Final = frozenset({"core", "wire", "mempool", "machine", "health"})
EDGE: Final = frozenset({"net", "storage", "pow", "wallet", "files", "config"})
TOOLS: Final = frozenset({"study", "vectors", "devnet", "sim"})
WORDS: Final[Mapping[str, str]] = {
    "cli": "the commands",
    "study": "experiments",
    "vectors": "test vectors",
    "devnet": "a local network",
    "sim": "networks in memory",
    "app": "the daemon put together",
    "node": "the program, in eight rooms",
    "net": "sessions over TCP",
    "storage": "SQLite",
    "pow": "the companion's chain",
    "wallet": "the key",
    "config": "what an operator sets",
    "files": "how our files are opened",
    "ports": "what the node needs of the world, as protocols",
    "health": "the judgement of a node",
    "machine": "decisions",
    "mempool": "waiting messages",
    "wire": "bytes to messages",
    "core": "the rules of the network",
    "owner": "the task that decides",
    "rpc": "what we answer",
    "sync": "what we fetch",
    "duty": "what we owe",
    "peers": "whom we know",
    "intake": "messages coming in",
    "chain": "our chain",
    "base": "what all rooms use",
}
_HEAD: Final = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"
     aria-labelledby="title desc" font-family="Helvetica, Arial, sans-serif" font-size="14" fill="#1b2733">
  <title id="title">{title}</title>
  <desc id="desc">{desc}</desc>
  <defs>
    <marker id="end" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8"
            orient="auto-start-reverse">
      <path d="M0 0 L10 5 L0 10 z" fill="#44566b"/>
    </marker>
    <style>
      .box {{ fill: #ffffff; stroke: #44566b; stroke-width: 1.5; }}
      .pure {{ fill: #e3f1e6; stroke: #2f7d46; stroke-width: 1.5; }}
      .edge {{ fill: #e4edf9; stroke: #2b62a8; stroke-width: 1.5; }}
      .tool {{ fill: #eeeaf6; stroke: #6a4fa3; stroke-width: 1.5; }}
      .out {{ fill: #fbf0dc; stroke: #a3701a; stroke-width: 1.5; }}
      .line {{ stroke: #44566b; stroke-width: 1.6; fill: none; }}
      .name {{ font-weight: bold; font-size: 15px; }}
      .small {{ font-size: 12.5px; fill: #33424f; }}
    </style>
  </defs>
  <rect x="1" y="1" width="{inner_width}" height="{inner_height}" rx="10" fill="#f4f6f8" stroke="#b8c2cc"/>
"""


def load_layers(contract: str) -> list[list[str]]:
    """The rows of a layers contract, the top one first, whose name begins with ``contract``."""
    text = (HERE.parent / "pyproject.toml").read_text(encoding="utf-8")
    contracts = tomllib.loads(text)["tool"]["importlinter"]["contracts"]
    [found] = [c for c in contracts if c["type"] == "layers" and c["name"].startswith(contract)]
    rows = ([part.strip() for part in layer.split("|")] for layer in found["layers"])
    return [row for row in rows if not row[0].startswith(("(", "__"))]


def draw_layers() -> str:
    """Packages and rooms, each over those that it imports."""
    packages, rooms = load_layers("Layers"), load_layers("Rooms")
    step, top = 56, 62
    height = top + step * max(len(packages), len(rooms)) + 54
    parts = [
        _head(
            980,
            height,
            "The layers of the program",
            "Two stacks. Left the packages, right the rooms of the package node; each imports only what "
            "stands below it in its stack. "
            + "; ".join(" beside ".join(row) for row in packages)
            + ". Rooms: "
            + ", ".join(row[0] for row in rooms)
            + ".",
        ),
        _text(24, 34, "packages", "name"),
        _text(640, 34, "rooms of node", "name"),
        _text(24, 52, "each imports only what stands below it", "small"),
    ]
    for stack, left, width in ((packages, 24, 580), (rooms, 640, 316)):
        for index, row in enumerate(stack):
            parts += _draw_row(row, left, top + step * index, width)
    frame = 'rx="10" fill="none" stroke="#44566b" stroke-dasharray="6 4"'
    parts.append(f'  <rect x="628" y="16" width="340" height="{top - 16 + step * len(rooms)}" {frame}/>\n')
    at = top + step * [row[0] for row in packages].index("node")
    parts.append(f'  <path d="M604 {at + 23} H626" class="line" marker-end="url(#end)"/>\n')
    parts += _draw_legend(24, height - 34)
    return "".join(parts) + "</svg>\n"


def _draw_row(row: Sequence[str], left: int, top: int, width: int) -> Iterator[str]:
    gap = 12
    each = (width - gap * (len(row) - 1)) // len(row)
    for place, name in enumerate(row):
        yield _box(left + place * (each + gap), top, each, 46, _get_kind(name), name, WORDS[name])


def _get_kind(name: str) -> str:
    for kind, names in (("pure", PURE), ("edge", EDGE), ("tool", TOOLS)):
        if name in names:
            return kind
    return "box"


def draw_parts() -> str:
    """The daemon, and what it speaks with."""
    rooms = " · ".join(row[0] for row in load_layers("Rooms"))
    parts = [
        _head(
            980,
            560,
            "The parts of a hypernode",
            "Inside the daemon the owner task asks the pure machine what to do, which follows from the rules "
            "of the core. Sessions speak with other hypernodes over TCP, storage keeps the ledger and the "
            "journal in SQLite, and the companion's ledger file is read only. hn_client asks the daemon over "
            "the same port.",
        ),
        '  <rect x="220" y="40" width="540" height="420" rx="10" fill="#eceff3" stroke="#44566b" '
        'stroke-dasharray="6 4"/>\n',
        _text(236, 64, "the daemon: hn_instance.py", "name"),
        _text(744, 64, "app puts the parts together", "small", "end"),
        _box(
            250,
            82,
            480,
            96,
            "box",
            "node",
            "one owner task: event → view → decide → perform",
            f"rooms: {rooms}",
            "reaches the world only through the protocols in ports",
        ),
        _box(250, 206, 150, 66, "pure", "machine", "what to do next"),
        _box(415, 206, 150, 66, "pure", "mempool", "waiting messages"),
        _box(580, 206, 150, 66, "pure", "health", "is it doing its duty?"),
        _box(
            250,
            290,
            480,
            62,
            "pure",
            "core",
            "the rules: messages, blocks, rounds, jurors, fork choice, lists",
        ),
        _box(250, 376, 148, 66, "edge", "net + wire", "sessions, frames"),
        _box(416, 376, 148, 66, "edge", "storage", "SQLite"),
        _box(582, 376, 148, 66, "edge", "pow", "read only"),
        _box(24, 340, 150, 70, "out", "hypernodes", "ours and legacy"),
        _text(182, 378, "TCP", "small"),
        _box(24, 440, 150, 70, "out", "hn_client.py", "tables, or JSON"),
        _box(330, 480, 156, 62, "out", "data/", "ledger, mempool"),
        _box(500, 480, 190, 62, "out", "poswallet.signed.db", "journal, by the wallet"),
        _box(806, 340, 150, 70, "out", "companion", "static/ledger.db"),
    ]
    one_way: tuple[str, ...] = (
        "M325 178 V204",
        "M490 178 V204",
        "M655 178 V204",
        "M325 272 V288",
        "M490 272 V288",
        "M655 272 V288",
    )
    one_way += ("M250 150 H234 V409 H248", "M730 150 H746 V409 H732", "M176 475 H300 V444", "M804 385 H732")
    both_ways = ("M176 385 H248", "M455 442 L418 478", "M530 442 L566 478")
    parts += [f'  <path d="{path}" class="line" marker-end="url(#end)"/>\n' for path in one_way]
    parts += [
        f'  <path d="{path}" class="line" marker-start="url(#end)" marker-end="url(#end)"/>\n'
        for path in both_ways
    ]
    parts.append('  <path d="M490 352 V374" class="line" marker-start="url(#end)"/>\n')
    parts += _draw_legend(24, 92, upright=True)
    return "".join(parts) + "</svg>\n"


def _head(width: int, height: int, title: str, desc: str) -> str:
    return _HEAD.format(
        width=width,
        height=height,
        inner_width=width - 2,
        inner_height=height - 2,
        title=escape(title),
        desc=escape(desc),
    )


def _box(left: int, top: int, width: int, height: int, kind: str, name: str, *lines: str) -> str:
    drawn = [f'  <rect x="{left}" y="{top}" width="{width}" height="{height}" rx="8" class="{kind}"/>\n']
    drawn.append(_text(left + 14, top + 20, name, "name"))
    drawn += [_text(left + 14, top + 38 + 19 * index, line, "small") for index, line in enumerate(lines)]
    return "".join(drawn)


def _text(left: int, top: int, text: str, kind: str, anchor: str = "start") -> str:
    return f'  <text x="{left}" y="{top}" text-anchor="{anchor}" class="{kind}">{escape(text)}</text>\n'


def _draw_legend(left: int, top: int, *, upright: bool = False) -> Iterator[str]:
    kinds = [("pure", "pure: no clock, disk or socket"), ("edge", "touches the world")]
    kinds.append(("out", "outside the process") if upright else ("tool", "a tool, not in the daemon"))
    for index, (kind, words) in enumerate(kinds):
        x, y = (left, top + 40 * index) if upright else (left + 300 * index, top)
        yield f'  <rect x="{x}" y="{y}" width="16" height="16" class="{kind}"/>\n'
        for line, part in enumerate(words.split(": ") if upright else [words]):
            yield _text(x + 24, y + 13 + 16 * line, part, "small")


DRAWINGS: Final = {"layers.svg": draw_layers, "parts.svg": draw_parts}

if __name__ == "__main__":
    for file, draw in DRAWINGS.items():
        (STATIC / file).write_text(draw(), encoding="utf-8")
