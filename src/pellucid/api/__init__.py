"""The Python interface: trainings, runs and nets in a notebook or a program, by the commands' own functions.

A mistake of the user's is ``UserError``. May import all below; nobody imports them.
"""
