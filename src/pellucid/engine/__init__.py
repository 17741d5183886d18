"""Training and coming back to it: build, session, checkpoints, the trained net.

May import all below.
"""
