"""Compute the rewards of a week: ``python hn_rewards.py --help``."""

import sys

from hypernode.__main__ import main

if __name__ == "__main__":
    sys.exit(main(["rewards", *sys.argv[1:]]))
