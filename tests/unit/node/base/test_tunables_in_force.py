"""The parameters in force reach every part that reads one.

Who reads a tunable parameter is found in the source, not in a list that somebody has to think of: a class of
``hypernode.node`` whose code says ``self.params.block_sync_count`` or ``self._params.…``, or hands that
network to a rule that reads one.  Every such object that can be reached from a node must hold the network of
the round.
"""

from __future__ import annotations

import ast
import gc
import inspect
from collections.abc import Collection, Iterator
from pathlib import Path
from types import ModuleType

import hypernode
from hypernode.core.chain_params import ChainParams
from hypernode.core.registrations.rainbow import BOUNDS
from hypernode.node.owner.runtime import Node
from tests.unit.node.base.test_tunables import Written
from tests.unit.node.worlds import ROUND, play

PACKAGE = Path(hypernode.__file__).parent
FIELDS = frozenset(bound.field for bound in BOUNDS.values())
RAINBOW = (
    "POSNET_ALLOW=devnet0001;devnet0002,MAX_CONNECT_TO=3,BLOCK_SYNC_COUNT=50,ALLOW_UPDATES_FROM=9.9.9.9,"
    "TESTS_PER_SLOT=3,PING_DELAY=7,MIN_FORGE_CONSENSUS=50,MAX_TXS_TO_SYNC=77,MAX_TXS_PER_BLOCK=9"
)
MAKES_ITS_OWN = frozenset({"Rounds", "Tuner"})
"""These tune the network of the operator themselves, ``Rounds`` for whatever round it is asked."""


def read_classes(*folders: str) -> Iterator[tuple[str, ast.AST]]:
    """Functions and classes of the package's folders, by name."""
    for folder in folders:
        for path in sorted((PACKAGE / folder).rglob("*.py")):
            for found in ast.walk(ast.parse(path.read_text())):
                if isinstance(found, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                    yield found.name, found


def find_rules() -> frozenset[str]:
    """Functions of the pure layers that read a tunable parameter of what they are given, or call such."""
    bodies = {
        name: body
        for name, body in read_classes("core", "machine", "mempool")
        if not isinstance(body, ast.ClassDef)
    }
    found: set[str] = set()
    while True:
        more = {name for name, body in bodies.items() if name not in found and reads(body, found, "params")}
        if not more:
            return frozenset(found)
        found |= more


def reads(body: ast.AST, rules: Collection[str], *holders: str) -> bool:
    """Whether code reads a tunable field of a network called so, or hands that to one of ``rules``."""
    given = (value for found in ast.walk(body) for value in list_read(found, rules))
    return any(ast.unparse(value) in holders for value in given)


def list_read(found: ast.AST, rules: Collection[str]) -> list[ast.expr]:
    """What a piece of code reads a tunable field of, or hands to one of ``rules``."""
    if isinstance(found, ast.Attribute) and found.attr in FIELDS:
        return [found.value]
    if isinstance(found, ast.Call) and ast.unparse(found.func).split(".")[-1] in rules:
        return [*found.args, *(word.value for word in found.keywords)]
    return []


def find_readers() -> frozenset[str]:
    """Classes of the node that read a tunable parameter of a network that they hold, or make such with it."""
    classes = {name: body for name, body in read_classes("node") if isinstance(body, ast.ClassDef)}
    rules = find_rules()
    holders = ("self.params", "self._params")
    readers: frozenset[str] = frozenset()
    while True:
        more = frozenset(name for name, body in classes.items() if reads(body, rules | readers, *holders))
        if more <= readers:
            return readers
        readers |= more


def find_lenders() -> frozenset[str]:
    """Parts of the node whose network others read: ``node_state`` of ``self.node_state.params``."""
    rules = find_rules()
    lent = {
        ast.unparse(value).split(".")[-2]
        for _, body in read_classes("node")
        for found in ast.walk(body)
        for value in list_read(found, rules)
        if isinstance(value, ast.Attribute) and value.attr == "params"
    }
    return frozenset(lent - {"self"})


def walk(root: object) -> Iterator[object]:
    """The objects of the node's package that can be reached from one."""
    seen, left = {id(root)}, [root]
    while left:
        one = left.pop()
        yield one
        for other in gc.get_referents(one):
            is_far = isinstance(other, ModuleType | type) or inspect.isframe(other)
            if id(other) not in seen and not is_far:
                seen.add(id(other))
                left.append(other)


def test_the_source_tells_who_reads_tunable_parameters() -> None:
    assert {"is_enough", "compute_connect_to", "compute_round_plan"} <= find_rules()
    assert {"Synchroniser", "BranchDownload", "Connector", "Forger", "RequestHandlers"} <= find_readers()
    assert "node_state" in find_lenders()


def test_every_part_that_reads_a_tunable_parameter_holds_the_one_in_force() -> None:
    async def scenario() -> None:
        ports = Written()
        ports.write(ROUND + 1, "color:rainbow", RAINBOW)
        node: Node = await ports.node()
        await node.entry.enter(ROUND)
        ports.bed.go_to(ROUND + 1, 0)
        await node.entry.enter(ROUND + 1)
        in_force = node.tuner.params
        assert all(getattr(in_force, name) != getattr(ports.params, name) for name in FIELDS)
        for lender in find_lenders() & set(dir(node)):
            assert getattr(node, lender).params is in_force, f"{lender} lends the network of the start"
        readers, checked = find_readers(), set()
        for part in walk(node):
            name = type(part).__name__
            if name not in readers or name in MAKES_ITS_OWN:
                continue
            held = getattr(part, "params", None) or getattr(part, "_params", None)
            assert isinstance(held, ChainParams)
            assert held is in_force, f"{name} still has the network of the start"
            checked.add(name)
        assert {"Synchroniser", "Connector", "Forger", "RequestHandlers"} <= checked

    play(scenario())
