"""A run's folder, its checkpoints, and the configuration that it goes on with.

May import ``config``, ``spec`` and ``system``.
"""
