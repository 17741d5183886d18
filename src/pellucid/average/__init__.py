"""Averages of a net's weights over a training: how they are computed, by torch's own functions.

Nothing here knows Lightning, tasks or runs. May import ``system``.
"""
