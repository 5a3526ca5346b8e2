"""The companion, read only: its ledger file, and what follows from it."""
