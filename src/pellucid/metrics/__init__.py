"""Numbers from arrays: predictions, confusion, calibration, intervals, significance, similarity, projection.

Imports ``errors`` and ``system``.
"""
