"""``hn_check.py``: looks at the node, its host and its chains, and shows what ``health`` makes of it."""
