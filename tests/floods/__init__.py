"""Floods against a real daemon on loopback (``make flood``; docs/hostile_input.rst has the figures)."""
