"""The page of a run: what was trained, how well, and what is seen inside the net.

One HTML document that opens from disk, without server or network. Its text, style and scripts are files
beside this one and ``page.css`` and ``page.js`` of all pages.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pellucid.data.base import ImageData
from pellucid.engine.build import make_explainers
from pellucid.engine.evaluation import Evaluation
from pellucid.engine.loaded_run import LoadedRun
from pellucid.errors import encodable
from pellucid.inside.predictor import Predictor
from pellucid.inside.preserve_state import preserve_state
from pellucid.report.html import beside, embedded, template
from pellucid.report.run.context import Context
from pellucid.report.run.curves import HEIGHT, WIDTH, panels
from pellucid.report.run.embedding import HEIGHT as SCATTER_HEIGHT
from pellucid.report.run.embedding import WIDTH as SCATTER_WIDTH
from pellucid.report.run.embedding import Scatters, embedding
from pellucid.report.run.feature_maps import feature_maps
from pellucid.report.run.film_strip import film_strip
from pellucid.report.run.header import header
from pellucid.report.run.mistakes import mistakes
from pellucid.report.run.outputs import MARGIN, SIDE, outputs
from pellucid.report.run.reconstructions import reconstructions
from pellucid.system.files import write_atomically
from pellucid.view.curves import curves

SCRIPTS = ("tip", "mistakes", "feature_maps", "embedding", "film_strip")  # in this order
NAME = "report.html"
SECONDS = 2.5  # that explaining may take at the end of a training
MARKERS = {  # around (0, 0), of about the same area
    "o": "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0",
    "^": "M0,-5L4.6,3.4L-4.6,3.4Z",
    "s": "M-3.6,-3.6h7.2v7.2h-7.2Z",
    "D": "M0,-5L5,0L0,5L-5,0Z",
    "P": "M-1.5,-4.6h3v3.1h3.1v3h-3.1v3.1h-3v-3.1h-3.1v-3h3.1Z",
}


def write_page(
    loaded: LoadedRun,
    predictor: Predictor,
    data: ImageData | None,
    evaluation: Evaluation | None,
    folder: Path,
    *,
    seconds: float = SECONDS,
    why_no_data: str = "",
    as_trained: bool = True,
    status: str | None = None,
) -> Path:
    """``report.html`` in that folder, whole or not at all; the net is left as it is.

    ``status``: the run's, when the page will have been written; None: as it is noted.
    """
    explainers = make_explainers(loaded.config)
    recorded = loaded.run.metrics() if loaded.run else {}
    recorded |= {} if status is None else {"status": status}
    context = Context(loaded, predictor, data, evaluation, explainers, recorded, seconds, as_trained)
    with preserve_state(context.predictor.net):
        text = page(context, why_no_data=why_no_data)
    path = folder / NAME
    write_atomically(path, text.encode())
    return path


def page(context: Context, *, why_no_data: str = "") -> str:
    """One self-contained HTML document.

    Without the data, or what the net said of them, sections that need them are left out, and
    ``why_no_data`` says so.
    """
    trained = context.loaded
    rows = trained.run.rows() if trained.run else []
    predictions = context.evaluation.predictions if context.data and context.evaluation else None
    predicted = predictions is not None
    classifies = predictions is not None and predictions.has_classes
    redraws = predictions is not None and "mse" in predictions.values
    tells = predictions is not None and (predictions.has_labels or predictions.has_numbers)
    scatters = embedding(context) if predicted else None
    text = template("run/page.html").render(
        header=header(trained, context.data, context.evaluation, context.recorded),
        classes=context.classes,
        panels=panels(curves(rows), trained.epoch),
        mistakes=mistakes(context) if classifies else None,
        outputs=outputs(context) if tells else None,
        reconstructions=reconstructions(context) if redraws else None,
        feature_maps=feature_maps(context) if predicted else None,
        embedding=scatters,
        film_strip=film_strip(context) if predicted else None,
        why_no_data=why_no_data,
        other="" if context.as_trained or context.data is None else context.data.source,
        sizes={
            "curves": (WIDTH, HEIGHT),
            "embedding": (SCATTER_WIDTH, SCATTER_HEIGHT),
            "outputs": (SIDE, MARGIN),
        },
        markers=MARKERS,
        small=max(trained.spec.image_shape[1:]) <= 32,
        style=beside("page.css") + beside("run/page.css"),
        script="\n".join(map(beside, ("page.js", *(f"run/{name}.js" for name in SCRIPTS)))),
        data=embedded(_data(scatters)),
    )
    return encodable(text)


def _data(scatters: Scatters | None) -> dict[str, Any]:
    """What scripts say in words."""
    if scatters is None:
        return {}
    return {"files": [encodable(file) for file in scatters.files], "names": list(scatters.names)}
