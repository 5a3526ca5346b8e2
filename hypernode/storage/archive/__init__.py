"""Chains in files that leave the host or come to it: archives, snapshots, the legacy form."""
