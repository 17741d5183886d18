"""What happens inside a net: shapes, activations, units.

Knows nets and images; may import ``draw``, ``metrics``, ``system``, ``spec``.
"""
