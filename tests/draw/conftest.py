"""Every picture of these tests is looked over: no text reaches over the page's edge."""

from __future__ import annotations

import pytest
from matplotlib.text import Text

from pellucid.draw.sheet import Picture, Sheet


@pytest.fixture(autouse=True)
def no_text_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = Sheet.picture

    def checked(self: Sheet) -> Picture:
        picture = drawn(self)
        height, width = picture.shape[:2]
        texts: list[Text] = list(self._figure.texts)
        for axes in self._figure.axes:  # not the ticks': those beyond its limits are not drawn
            texts += [*axes.texts, axes.xaxis.label, axes.yaxis.label, axes.title]
        for text in texts:
            if text.get_visible() and text.get_text():
                box = text.get_window_extent()
                inside = box.x0 > -2 and box.y0 > -2 and box.x1 < width + 2 and box.y1 < height + 2
                assert inside, f"{text.get_text()!r} reaches over the edge"
        return picture

    monkeypatch.setattr(Sheet, "picture", checked)
