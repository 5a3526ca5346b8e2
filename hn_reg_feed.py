"""Show registrations in the companion's ledger: ``python hn_reg_feed.py --help``."""

import sys

from hypernode.__main__ import start

if __name__ == "__main__":
    sys.exit(start("feed"))
