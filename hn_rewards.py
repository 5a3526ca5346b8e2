"""Compute the rewards of a week: ``python hn_rewards.py --help``."""

import sys

from hypernode.__main__ import start

if __name__ == "__main__":
    sys.exit(start("rewards"))
