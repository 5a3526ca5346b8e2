"""Planted bugs that unit, property and vector tests must notice: ``make mutants`` (docs/mutants.rst)."""
