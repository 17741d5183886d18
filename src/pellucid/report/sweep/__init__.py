"""The page of a sweep and its table, with its frame, style and scripts."""
