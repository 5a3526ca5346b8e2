"""Show registrations in the companion's ledger: ``python hn_reg_feed.py --help``."""

import sys

from hypernode.cli.reg_feed import main

if __name__ == "__main__":
    sys.exit(main())
