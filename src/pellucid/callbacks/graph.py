"""View: the net as a graph, in TensorBoard's tab of that name."""

from __future__ import annotations

import io
import warnings
from contextlib import redirect_stdout

from pellucid.callbacks.gallery import Gallery
from pellucid.callbacks.view import Look, View


class Graph(View):
    """Traced once, before training, on one probe image. The layers' table is the callback summary's."""

    name = "graph"

    def __init__(self, *, gallery: Gallery) -> None:
        super().__init__(every_n_epochs=None, gallery=gallery)

    def reason(self, look: Look) -> str | None:
        return None if look.boards else "no TensorBoard logger"

    def look(self, look: Look) -> None:
        image_1CHW = look.probes(1).images_BCHW
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):  # the tracer's own remarks
            warnings.simplefilter("ignore")
            for writer, _ in look.boards:
                writer.add_graph(look.net, image_1CHW)
                writer.flush()
