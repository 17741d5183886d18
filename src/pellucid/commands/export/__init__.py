"""The command ``export``: a net as a file for other programs, verified."""
