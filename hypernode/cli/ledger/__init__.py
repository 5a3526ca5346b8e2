"""``python -m hypernode ledger``: repair, prune, snapshot, import, export, and the side of a split."""
