"""Ask a hypernode: ``python hn_client.py --help``."""

import sys

from hypernode.cli.client import main

if __name__ == "__main__":
    sys.exit(main())
