"""``python -m hypernode status``: does my node do its duty, on one screen."""
