"""Decisions: from what is known to what is to be done.  No waiting, no clock, no log."""
