"""``scripts/embed.py``."""
