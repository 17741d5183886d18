"""Numbers as text: shares, prices, wavelengths."""

from __future__ import annotations

import pytest

from pellucid.system.number_text import metric, number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0000"),
        (0.98765, "0.9877"),
        (-0.5, "-0.5000"),
        (999.5, "999.5000"),
        (12345.678, "12346"),
        (999999.4, "999999"),
        (14037834.0, "1.404e7"),
        (-1.3e35, "-1.3e35"),
        (0.0001, "0.0001"),
        (3.21987e-7, "3.22e-7"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
    ],
)
def test_metrics(value: float, text: str) -> None:
    assert metric(value) == text
    if value > 0:
        assert metric(value, sign="+") == f"+{text}"


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(-0.01234, 3, "−0.0123"), (13400000.0, 3, "1.34e7"), (1e-10, 3, "1e−10"), (1234567.0, 4, "1.235e6")],
)
def test_significant_digits(value: float, digits: int, text: str) -> None:
    assert number(value, digits=digits) == text
    assert number(abs(value), digits=digits, sign="+") == f"+{text.removeprefix('−')}"
