"""Loggers of services that keep many runs side by side: one file each, by the name of its ``logger=``.

Each is Lightning's where it has one, made to stay on this machine unless it is told otherwise. May import
``run`` and ``system``.
"""
