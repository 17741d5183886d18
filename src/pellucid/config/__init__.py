"""Configuration: check the command line, compose it, build objects from it.

May import ``data`` and ``metrics``, of which what needs no torch, and ``system``.
"""
