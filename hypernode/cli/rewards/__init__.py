"""``hn_rewards.py``: a week's rewards, its files and its summary."""
