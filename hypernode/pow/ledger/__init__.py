"""The companion's ledger file: opened, read in short statements, indexed, and what rounds need of it."""
