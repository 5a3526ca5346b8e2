"""The tables of the ledger, their migrations, and whether a file has them."""
