"""``scripts/compare.py``."""
