"""Run a hypernode: ``python hn_instance.py --help``."""

import sys

from hypernode.cli.instance import main

if __name__ == "__main__":
    sys.exit(main())
