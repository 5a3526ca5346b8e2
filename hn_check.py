"""Check what a node has: ``python hn_check.py --help``."""

import sys

from hypernode.__main__ import start

if __name__ == "__main__":
    sys.exit(start("check"))
