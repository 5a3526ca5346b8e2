"""Simulate how well hypernodes are connected: ``python hn_simulate.py --help``."""

import sys

from hypernode.__main__ import start

if __name__ == "__main__":
    sys.exit(start("sim", "connectivity"))
