"""Faults as data, what each does, and the cluster that they happen to."""
