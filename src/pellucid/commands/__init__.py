"""The verbs of the command line, one file or folder each, and what they share.

May import all below; nobody imports them but the scripts and Hydra's door to sweeps.
"""
