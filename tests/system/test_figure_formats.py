"""Formats of figures, and what is none."""

from __future__ import annotations

import pytest

from pellucid.errors import UserError
from pellucid.system.figure_formats import format_problem, vector_formats


def test_what_is_no_format_is_told_with_the_nearest() -> None:
    assert vector_formats(["png", "pdf", "pdf"]) == ("pdf",)
    assert format_problem("svg") == format_problem(["png", "svg"]) == ""
    assert "figures=svgg: expected png, pdf, svg or a list" in format_problem("svgg")
    with pytest.raises(UserError, match="Did you mean 'pdf'"):
        vector_formats(["png", "pfd"])
