"""Tasks: LightningModules that give a net its loss, metrics, steps and optimizer.

They never draw. May import ``discovery``, ``inside``, ``metrics``, ``model``, ``optimizer``, ``scheduler``,
``spec`` and ``system``.
"""
