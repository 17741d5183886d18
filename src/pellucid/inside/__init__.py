"""What happens inside a net: shapes, activations, units.

Knows nets, images and numbers. May import ``draw``, ``metrics``, ``spec`` and ``system``.
"""
