"""The rules as one list: their stored names, and that the code says of each what the list says."""

from __future__ import annotations

import inspect
import re
from types import ModuleType

import pytest

from hypernode.core import validate_block, validate_message
from hypernode.core.errors import Ignore, Reject
from hypernode.core.registrations import registry_rules
from hypernode.core.rules import BLOCK_RULES, IGNORED, MESSAGE_RULES, Rule, RuleClass, Violation

NUMBERED = (*MESSAGE_RULES, *BLOCK_RULES.values())
COMMENT = re.compile(r"# (\w+) \[REJECT, class ([ABC])[^\]]*\] ([^(\n]*[^( \n])")
"""What holds; a remark of the place may follow in parentheses."""
OF_REGISTRATIONS = (
    *(Rule.FIRST_HEIGHT, Rule.SIGNATURE, Rule.OPENFIELD, Rule.OPERATION),
    *(Rule.R1, Rule.R2, Rule.R3, Rule.R4, Rule.R5, Rule.R6),
    *(Rule.U1, Rule.U2, Rule.V1, Rule.V2, Rule.V3),
)


def test_no_rule_is_another_by_mistake() -> None:
    """Equal values would make one member of an enumeration another name of the first."""
    assert all(rule.name == name for name, rule in Rule.__members__.items())


def test_names_that_are_stored_and_shown_are_those_they_always_were() -> None:
    assert list(BLOCK_RULES) == [str(number) for number in range(1, 16)]
    assert [rule.label for rule in BLOCK_RULES.values()] == [f"rule {number}" for number in range(1, 16)]
    assert [rule.number for rule in MESSAGE_RULES] == ["M1", "M2", "M3", "M4", "M5", "M6"]
    assert {rule.label for rule in Rule} - {rule.label for rule in NUMBERED} == {
        *("1-data", "2-wire", "4-ledger", "5-pow", "5-pow openfield", "6-node", "8-legacy", "mempool"),
        *("measures", "kpis", "first height", "signature", "operation", "port", "openfield", "void"),
        *("unregister 1", "unregister 2", "unregister 3", "void 1", "void 2", "void 3"),
    }


def test_every_rule_says_what_holds_and_where_it_is_from() -> None:
    for rule in Rule:
        assert rule.text, rule
        assert rule.source.startswith("spec "), rule


@pytest.mark.parametrize(
    ("module", "rules"),
    [
        (validate_message, MESSAGE_RULES),
        (validate_block, tuple(BLOCK_RULES.values())),
        (registry_rules, OF_REGISTRATIONS),
    ],
    ids=["messages", "blocks", "registrations"],
)
def test_the_comment_above_each_check_is_the_rule_of_the_list(
    module: ModuleType, rules: tuple[Rule, ...]
) -> None:
    source = inspect.getsource(module)
    found = {name: (cls, text) for name, cls, text in COMMENT.findall(source)}
    assert found == {rule.name: (rule.cls.value, rule.text) for rule in rules}
    for rule in rules:
        checked = re.split(r"# \w+ \[REJECT", source.split(f"# {rule.name} [")[1])[0]
        # what names an address is named where the address is looked at
        assert f"(Rule.{rule.name}, " in checked or "Reject.of(broken)" in checked, rule


def test_a_violation_names_its_rule_and_has_its_class_unless_it_is_eased() -> None:
    violation = Violation(Rule.B15, "too large")
    assert str(violation) == "rule 15: too large"
    assert violation.cls is RuleClass.A
    assert Violation(Rule.B15, "too large", eased=True).cls is RuleClass.B


def test_a_verdict_is_made_of_a_violation() -> None:
    for kind in (Reject, Ignore):
        verdict = kind.of(Violation(Rule.M3, "the signature is invalid"))
        assert type(verdict) is kind
        assert (verdict.rule, str(verdict)) == (Rule.M3, "M3: the signature is invalid")


def test_relayed_messages_are_nobodys_fault_and_bad_ones_are_somebodys() -> None:
    assert IGNORED.isdisjoint(NUMBERED)
    assert Rule.TOO_EARLY not in IGNORED
