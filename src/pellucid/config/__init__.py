"""Configuration: check the command line, compose it, build objects from it. May import ``system``."""
