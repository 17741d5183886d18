"""Numbers from arrays: predictions, confusion, calibration, intervals, significance, similarity, projection.

Imports nothing of ours but ``errors``.
"""
