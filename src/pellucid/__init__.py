"""pellucid: train any image model on any data set, and see inside it while it learns.

Each folder says what belongs in it and what it may import; ``errors`` all may.
"""
