"""Two verdicts on what a peer sent, and a third word for us.

``Reject`` says that what came breaks a rule, and that who sent it is at fault; ``Ignore`` says that
it is of no use and nobody's fault.  ``InvariantBroken`` is our own bug: it stops the node.
"""

from __future__ import annotations


class Verdict(Exception):
    """Something that came from outside is not taken.  ``rule`` is its number in the spec
    (``M3``, ``rule 6``, ``1-data``), ``reason`` plain words for the log and for counting."""

    def __init__(self, rule: str, reason: str) -> None:
        super().__init__(f"{rule}: {reason}")
        self.rule = rule
        self.reason = reason


class Reject(Verdict):
    """A rule of the network is broken.  ``cost`` is what it costs the sender's standing."""

    def __init__(self, rule: str, reason: str, cost: int = 1) -> None:
        super().__init__(rule, reason)
        self.cost = cost


class OverLimit(Reject):
    """Larger than what is taken.  Of a question it is the sender's fault; who gets it for an answer asks for
    less, and blames nobody (spec 2, budgets)."""


class Ignore(Verdict):
    """Of no use to us now (known, stale, too early): nobody's fault."""


class TooFewHold(Ignore):
    """A branch that is taken only when most hold it, which may yet come (spec 4, classes)."""


class InvariantBroken(AssertionError):
    """What must hold by construction does not: a bug of ours."""
