"""The command ``compare``: runs side by side."""
