"""Sweeps: many runs of one line, resumed, shared, pruned and reported."""
