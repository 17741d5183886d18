"""The command ``compare``: two runs side by side."""
