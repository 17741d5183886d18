"""Training itself: callbacks that every run has. What a configuration may name is in ``callbacks``."""
