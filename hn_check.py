"""Check what a node has: ``python hn_check.py --help``."""

import sys

from hypernode.cli.check import main

if __name__ == "__main__":
    sys.exit(main())
