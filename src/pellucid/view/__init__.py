"""What is seen of a net, a file a subject: functions of (predictor, images, options) that give numbers.

Shown thrice, by visualizers, commands and pages.
May import ``explainer``, ``inside``, ``metrics``, ``system``.
"""
