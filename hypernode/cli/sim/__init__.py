"""``sim run``, ``sim connectivity``, ``sim study``: the simulation's commands."""
