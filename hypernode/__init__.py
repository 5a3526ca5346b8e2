"""A hypernode for Bismuth: a masternode that keeps the network's proof-of-stake chain."""

__version__ = "0.1.0"
