"""Whether this node does its duty: the table behind ``hn_check.py``, a row a thing that can be wrong."""
