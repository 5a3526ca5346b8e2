"""Simulate how well hypernodes are connected: ``python hn_simulate.py --help``."""

import sys

from hypernode.cli.simulate import main

if __name__ == "__main__":
    sys.exit(main())
