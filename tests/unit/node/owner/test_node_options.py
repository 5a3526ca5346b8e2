"""What an operator did not choose is the careful choice, and makers are honest unless it is said."""

from __future__ import annotations

from hypernode.core.types import Endpoint
from hypernode.node.duty.forger import Forger
from hypernode.node.owner.node_options import HONEST, Makers, NodeOptions
from hypernode.wire.catalogue import LIMITS


def test_nothing_is_tuned_and_no_update_is_taken_unless_it_is_said() -> None:
    options = NodeOptions(Endpoint("0.0.0.0", 6969), 6969, (), LIMITS)
    assert (options.is_journal_new, options.tunables, options.takes_updates) == (False, {}, False)


def test_makers_are_the_shipped_classes_but_for_those_that_are_replaced() -> None:
    class Liar(Forger):
        pass

    assert Makers() == HONEST
    assert HONEST.forger is Forger
    liars = Makers(forger=Liar)
    assert (liars.forger, liars.handlers, liars.events) == (Liar, HONEST.handlers, HONEST.events)
