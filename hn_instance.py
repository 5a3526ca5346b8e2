"""Run a hypernode: ``python hn_instance.py --help``."""

import sys

from hypernode.__main__ import start

if __name__ == "__main__":
    sys.exit(start("instance"))
