"""Compute the rewards of a week: ``python hn_rewards.py --help``."""

import sys

from hypernode.cli.rewards import main

if __name__ == "__main__":
    sys.exit(main())
