"""Tests that need root or packages of Debian: ``make test-host``, never ``make test`` (docs/suite.rst)."""
