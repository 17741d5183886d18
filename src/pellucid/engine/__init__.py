"""Training and coming back to it: the session and what every training has, evaluation, the loaded run.

May import all below.
"""
