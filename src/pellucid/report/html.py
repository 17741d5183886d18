"""What pages are made of: one HTML document each, without server or network, from the files beside this."""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from jinja2 import Template


def as_json(value: Any) -> Any:
    """As JSON can hold it: a float that is no finite number is None, what it does not know a text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(item) for item in value]
    return value if value is None or isinstance(value, (str, int)) else str(value)


def link(path: str, end: str = "") -> str:
    """A path as a link that stays below the page's folder: no scheme and no host can stand in it."""
    return "./" + quote(path.rstrip("/") + end if end else path, errors="surrogateescape")


def embedded(data: dict[str, Any]) -> str:
    """JSON in ASCII that no text in it can end or turn into markup, within <script>."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def beside(name: str) -> str:
    """The text of a file in this folder."""
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


@cache
def template(name: str) -> Template:
    """A page within the frame of all, ``page.html``, which escapes every text that is put into it."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined  # 30 ms, for who writes a page only

    environment = Environment(
        loader=FunctionLoader(beside),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)
