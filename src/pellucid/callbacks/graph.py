"""View: the net as a graph, in TensorBoard's tab of that name."""

from __future__ import annotations

import io
import logging
import warnings
from contextlib import redirect_stdout

from pellucid.callbacks.figure_logger import FigureLogger
from pellucid.callbacks.snapshot import Snapshot
from pellucid.callbacks.visualizer import Visualizer


class Graph(Visualizer):
    """Traced once, before training, on one reference image. The layers' table is the callback summary's."""

    name = "graph"

    def __init__(self, *, figures: FigureLogger) -> None:
        super().__init__(every_n_epochs=None, figures=figures)

    def reason(self, snapshot: Snapshot) -> str | None:
        return None if snapshot.boards else "no TensorBoard logger"

    def draw(self, snapshot: Snapshot) -> None:
        pixels_1CHW = snapshot.reference_images(1).pixels_BCHW
        image_1CHW = snapshot.predictor.inputs(pixels_1CHW).to(snapshot.predictor.dtype)
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):  # the tracer's own remarks
            warnings.simplefilter("ignore")
            before = logging.root.manager.disable
            logging.disable(logging.WARNING)  # and those of the net's package
            try:
                for writer, _ in snapshot.boards:
                    writer.add_graph(snapshot.net, image_1CHW)
                    writer.flush()
            finally:
                logging.disable(before)
