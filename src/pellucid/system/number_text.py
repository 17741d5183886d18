"""Numbers as text, of any size."""

from __future__ import annotations

import re

WHOLE, LARGE, SMALL = 1e3, 1e6, 1e-4  # from where on a number has no decimals, and a power of ten


def number(value: float, *, digits: int = 3, sign: str = "") -> str:
    """So many significant digits, with a true minus sign: −0.012, 1.34e7; ``sign="+"``: also a plus."""
    return _short(f"{value:{sign}.{digits}g}").replace("-", "−")


def metric(value: float, *, sign: str = "") -> str:
    """Four decimals, as most metrics are shares; of large and tiny ones four significant digits or more."""
    size = abs(value)
    if SMALL <= size < WHOLE or not size < float("inf") or size == 0:
        return f"{value:{sign}.4f}"
    return f"{value:{sign}.0f}" if WHOLE <= size < LARGE else _short(f"{value:{sign}.4g}")


def _short(text: str) -> str:
    """Without what says nothing in a power: 1.34e7 for 1.34e+07."""
    return re.sub(r"e\+?(-?)0*", r"e\1", text)
