"""Parts get what they use when they are made: nobody writes into another part, and no getter is a lambda."""

from __future__ import annotations

import ast
import inspect
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest

from hypernode.node.base.node_events import NodeEvents
from hypernode.node.base.node_ports import Ports
from hypernode.node.owner.event_hub import EventHub
from tests.unit.node.beds import Bed, play

ROOT = Path(__file__).parents[3] / "hypernode"
FILES = sorted(
    path
    for room in ("node", "app", "net", "machine", "mempool", "health")
    for path in (ROOT / room).rglob("*.py")
)
COMPOSITIONS = ("node/owner/runtime.py", "app/daemon.py")

RECORDS = {
    "node/base/log_dedup.py": {"fault"},
    "node/base/log_files.py": {"told", "own"},
    "node/base/logs.py": {"logger"},
    "node/chain/chain_import.py": {"report"},
    "node/peers/legacy_height_policy.py": {"peer"},
    "node/peers/peer_table.py": {"peer"},
    "mempool/pool.py": {"notes"},
    "net/proving.py": {"place"},
    "net/waiting.py": {"answer"},
    "app/faults.py": {"threading", "sys"},
    "app/signals.py": {"timer"},
}
"""What is written into and is no part: rows of a table, records of a log, reports, hooks of the
interpreter."""


def list_foreign_writes(source: str) -> Iterator[tuple[int, str, str | None]]:
    """Line, the attribute that is written, and the local name whose it is; None for an attribute of what
    another attribute, or a call, gives."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Assign(targets=targets):
                pass
            case ast.AugAssign(target=target) | ast.AnnAssign(target=target) | ast.For(target=target):
                targets = [target]
            case ast.Call(func=ast.Name("setattr"), args=[ast.expr() as whose, *_]):
                yield node.lineno, f"setattr {ast.unparse(whose)}", None
                continue
            case _:
                continue
        for place in targets:
            for part in ast.walk(place):
                if not isinstance(part, ast.Attribute) or not isinstance(part.ctx, ast.Store):
                    continue
                if isinstance(part.value, ast.Name):
                    if part.value.id not in ("self", "cls"):
                        yield part.lineno, ast.unparse(part), part.value.id
                else:
                    yield part.lineno, ast.unparse(part), None


@pytest.mark.parametrize(
    "source",
    [
        "chain.on_change = notify",
        "self.serving.on_bug = self.connector.on_bug = halt",
        "for part in parts:\n    part.network = network",
        "self.peers.awaiting_push, x = set(), 1",
        "node.forger.count += 1",
        "find(1).on_tip: Any = f",
        "setattr(node.sync, name, shown)",
        "for self.sync.progress in steps: pass",
    ],
)
def test_a_write_into_another_part_is_found(source: str) -> None:
    assert len(list(list_foreign_writes(source))) >= 1


@pytest.mark.parametrize(
    "source", ["self.a, self.b = 1, 2", "cls.a = 1", "a = self.b.c", "self.a[b.c] = d.e"]
)
def test_what_is_ours_may_be_written(source: str) -> None:
    assert list(list_foreign_writes(source)) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nobody_writes_into_another_part(path: Path) -> None:
    allowed = RECORDS.get(str(path.relative_to(ROOT)), set())
    writes = list(list_foreign_writes(path.read_text()))
    assert [write for write in writes if write[2] not in allowed] == []
    assert allowed <= {name for _, _, name in writes}, "an exception that nobody needs any more"


def test_there_is_something_to_look_at() -> None:
    assert len(FILES) > 60
    assert all((ROOT / name) in FILES for name in (*COMPOSITIONS, *RECORDS))


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_no_part_is_given_a_lambda(name: str) -> None:
    tree = ast.parse((ROOT / name).read_text())
    assert [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Lambda)] == []


def test_no_part_takes_the_whole_bundle_of_ports() -> None:
    """Only the composition knows it."""

    async def scenario() -> None:
        node = await Bed().node()
        parts = {
            name: part
            for name, part in vars(node).items()
            if type(part).__module__.startswith("hypernode.node")
        }
        parts.pop("ports")
        assert len(parts) > 30
        for name, part in parts.items():
            assert Ports not in typing.get_type_hints(type(part).__init__).values(), name
            assert not any(isinstance(held, Ports) for held in _list_held(part)), name

    play(scenario())


def _list_held(part: object) -> list[object]:
    slots = [slot for cls in type(part).__mro__ for slot in getattr(cls, "__slots__", ())]
    return [getattr(part, name, None) for name in (*slots, *getattr(part, "__dict__", {}))]


def test_the_hub_acts_on_every_event() -> None:
    events = {
        name for name, _ in inspect.getmembers(NodeEvents, inspect.isfunction) if name.startswith("on_")
    }
    assert len(events) >= 8
    assert events <= set(vars(EventHub))
