"""Callbacks that a configuration may name: when to look, and where the picture goes.

They read, never change. May import all below.
"""
