"""What pages are made of: values that JSON can hold, links, and text that no text in it can end."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from pellucid.report.html import as_json, embedded, link, template


def test_values_as_json_holds_them() -> None:
    given = {"a": (1, True, None, 0.5, "猫"), 2: [math.nan, -math.inf], "path": Path("x")}
    assert as_json(given) == {"a": [1, True, None, 0.5, "猫"], "2": [None, None], "path": "x"}


@pytest.mark.parametrize(
    ("folder", "below"),
    [
        ("7", "./7/"),
        ("7/", "./7/"),
        ("a b#c?d%", "./a%20b%23c%3Fd%25/"),
        ("模型", "./%E6%A8%A1%E5%9E%8B/"),
        ("javascript:alert(1)", "./javascript%3Aalert%281%29/"),
        ("//elsewhere", ".///elsewhere/"),
        ("\udcff", "./%FF/"),  # a byte that is no UTF-8, as Python reads it from a disk
    ],
)
def test_links_stay_below_the_page(folder: str, below: str) -> None:
    assert link(folder, "/") == below


def test_a_link_to_a_file_has_no_end() -> None:
    assert link("0/report.html") == "./0/report.html"


def test_no_text_ends_the_script_that_it_stands_in() -> None:
    given = {"</script><!--": "&amp; \u2028 猫"}
    text = embedded(given)
    assert json.loads(text) == given
    assert text.isascii()
    assert not set("<>&") & set(text)
    with pytest.raises(ValueError, match="JSON"):
        embedded({"value": math.nan})


def test_a_frame_escapes_what_is_put_into_it_and_misses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = {"a": "{{ text }}", "b": "{{ forgotten }}"}
    monkeypatch.setattr("pellucid.report.html.beside", frames.__getitem__)
    template.cache_clear()
    assert template("a").render(text="<b>&") == "&lt;b&gt;&amp;"
    with pytest.raises(Exception, match="'forgotten' is undefined"):
        template("b").render()
    template.cache_clear()
