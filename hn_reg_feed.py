"""Show registrations in the companion's ledger: ``python hn_reg_feed.py --help``."""

import sys

from hypernode.__main__ import main

if __name__ == "__main__":
    sys.exit(main(["feed", *sys.argv[1:]]))
