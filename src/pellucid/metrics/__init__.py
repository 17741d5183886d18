"""Numbers from arrays: intervals, similarity, projection, neighbours.

Imports nothing of ours but ``errors``.
"""
