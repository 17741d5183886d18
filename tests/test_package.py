"""What the package asks for."""

from __future__ import annotations

import re

from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.helpers import ROOT


def test_the_oldest_environment_has_the_lower_bounds() -> None:
    written = (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("[project]")[2]
    asked = re.findall(r'"([\w-]+)(?:\[[\w,]+\])?>=([\w.]+)[",]', written.partition("[tool.")[0])
    pinned = dict(
        re.findall(r"^([\w-]+)==(\S+)$", (ROOT / "constraints" / "oldest.txt").read_text(), re.MULTILINE)
    )
    assert len(asked) > 25
    others = {"mlflow": "mlflow-skinny", "trackio": None}  # the whole does not go with all that is tested
    installed = [(others.get(name, name), bound) for name, bound in asked]
    for name, bound in ((name, bound) for name, bound in installed if name is not None):
        assert Version(pinned[canonicalize_name(name)]) == Version(bound), name
