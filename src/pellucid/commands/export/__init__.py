"""``scripts/export.py``."""
