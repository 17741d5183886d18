"""Training and coming back to it: build, session, checkpoints, the trained net.

May import ``callbacks`` and what is below.
"""
