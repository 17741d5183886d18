"""Optimizers that no library has as they are needed here.

Nothing here knows Lightning, tasks or runs. May import ``system``.
"""
