"""SQLite: the ledger, the rounds, the journal of what we signed.  No rules."""
