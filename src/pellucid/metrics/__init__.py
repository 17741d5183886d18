"""Numbers from arrays: confusion, calibration, intervals, significance, similarity, projection, neighbours.

Imports nothing of ours but ``errors``.
"""
