"""The command ``table``: means over seeds, as a paper shows them."""
