"""Chains in files to be carried: archives, snapshots, the legacy form."""
