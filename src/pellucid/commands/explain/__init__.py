"""The command ``explain``: maps of image files, and how far to trust them."""
