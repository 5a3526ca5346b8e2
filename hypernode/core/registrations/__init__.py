"""Registrations and lists on the PoW chain: their texts, their rules, and the list of hypernodes that
follows."""
