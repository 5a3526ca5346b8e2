"""Registrations and lists on the PoW chain: what is written there, checked, and what the registry makes of
it."""
