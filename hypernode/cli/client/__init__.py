"""``hn_client.py``: what can be asked of a node, asking it, and showing the answer."""
