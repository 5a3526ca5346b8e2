"""What storage says when it cannot do what was asked."""

from __future__ import annotations


class StorageFault(Exception):
    """The disk refuses for now (full, read only, failing, in use): words for the operator.  What was asked
    did not happen, or is not known to have happened; it can be tried again."""


class StorageBroken(StorageFault):
    """The stored data is damaged: no later try helps."""
