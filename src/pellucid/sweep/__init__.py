"""Sweeps: many runs of one line, resumed, shared, pruned and summed up.

May import ``report``, ``engine`` and what is below.
"""
