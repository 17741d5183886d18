"""``scripts/explain.py``."""
