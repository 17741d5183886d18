"""The page of a run: a file for each section, with its frame, style and scripts."""
