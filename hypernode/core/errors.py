"""The two verdicts on what a peer sent (Reject, Ignore), and InvariantBroken for a bug of ours.

``Reject`` says that what came breaks a rule, and that who sent it is at fault; ``Ignore`` says that
it is of no use and nobody's fault.  ``InvariantBroken`` is our own bug: it stops the node.
"""

from __future__ import annotations

from typing import Self

from hypernode.core.rules import Rule, Violation


class Verdict(Exception):
    """Why something that came from outside is not taken: the rule that it breaks, and the reason in plain
    words, for the log and for counting."""

    def __init__(self, rule: Rule, reason: str) -> None:
        super().__init__(f"{rule.label}: {reason}")
        self.rule = rule
        self.reason = reason

    @classmethod
    def of(cls, violation: Violation) -> Self:
        """The verdict on something that a ``find_…`` has found."""
        return cls(violation.rule, violation.reason)


class Reject(Verdict):
    """A rule of the network is broken.  ``cost`` is what it costs the sender's standing."""

    def __init__(self, rule: Rule, reason: str, cost: int = 1) -> None:
        super().__init__(rule, reason)
        self.cost = cost


class OverLimit(Reject):
    """It is larger than we take.  For a question that is the sender's fault.  Whoever gets it as an answer
    asks for less and blames nobody (spec 2, budgets)."""


class Ignore(Verdict):
    """Of no use to us now (known, stale, too early): nobody's fault."""


class TooFewHold(Ignore):
    """A branch that is taken only when most peers hold it, which may still happen (spec 4, classes)."""


class InvariantBroken(AssertionError):
    """Something that must hold by construction does not: a bug of ours."""
