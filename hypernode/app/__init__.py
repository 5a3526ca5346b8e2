"""The composition root: settings, adapters, node, signals, ordered shutdown."""
