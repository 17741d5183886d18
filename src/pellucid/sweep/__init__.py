"""Sweeps: many runs of one line, resumed, shared, pruned and summed up.

May import all below.
"""
