"""Where a layer of a trained net puts images: as numbers, as pictures and in TensorBoard's projector."""

from __future__ import annotations

import functools
import io
import logging
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from rich.table import Table
from rich.text import Text
from torch import Tensor
from torch.nn import functional

from pellucid.commands.embed.anomalies import Hunt
from pellucid.commands.embed.neighbours import Search
from pellucid.config.command import DataOverride, NameText, OnlyIf, PathText, Unless
from pellucid.data.stream import Stream, of_files, of_split
from pellucid.draw.png import write_png
from pellucid.draw.projector import MOST_PIXELS, MOST_POINTS, write_projector
from pellucid.draw.scatter import scatter
from pellucid.draw.sheet import Picture
from pellucid.engine.loaded_run import restore
from pellucid.engine.looking import Looking
from pellucid.errors import UserError, counted, plain
from pellucid.inside.embedding import EMBED
from pellucid.inside.pixels import to_rgb
from pellucid.inside.reference import choose_points
from pellucid.metrics.layout import (
    METHODS,
    arrange,
    axes_names,
    check_methods,
    explained,
    measures,
    measures_told,
    reduced,
)
from pellucid.metrics.projection import LEAST_POINTS
from pellucid.system.console import console
from pellucid.system.files import write_atomically

log = logging.getLogger(__name__)

MOST_BYTES = 2 * 2**30  # of all vectors: they are kept until they are written


def embed(
    run: PathText,
    *,
    layer: NameText = "embed",
    split: Annotated[
        Literal["train", "val", "test"], OnlyIf("images", None, "images=… stand in place of a split")
    ] = "test",
    images: PathText | None = None,
    data: DataOverride | None = None,
    points: int = 5000,
    tsne_points: Annotated[int, OnlyIf("methods", "tsne", "methods=… has no tsne")] = 2000,
    methods: Sequence[str] = ("pca", "tsne"),
    neighbours: PathText | None = None,
    nearest: Annotated[int, Unless("neighbours", None, "no neighbours=<images> are asked for")] = 12,
    distance: Annotated[
        Literal["cosine", "euclidean"], Unless("neighbours", None, "no neighbours=<images> are asked for")
    ] = "cosine",
    anomalies: int = 0,
    anomaly: NameText | Sequence[NameText] | None = None,
    checkpoint: PathText = "best",
    accelerator: str = "auto",
    packages: Sequence[str] = (),
    out: PathText | None = None,
) -> dict[str, Any]:
    """The vectors that ``layer`` makes of a split, or of ``images``, as files; figures of them.

    ``run``: a run folder or a checkpoint. ``layer``: embed (what the last linear layer sees) or a name; maps
    are averaged over their pixels. ``neighbours``: images of which the ``nearest`` training images are
    sought. ``anomalies``: so many of the worst reconstructed images of an autoencoder; with ``anomaly``, a
    class or several, how well the error tells them. Files go to ``embeddings/`` of the run folder, or to
    ``out``, all of them after all is computed. Raises UserError.
    """
    methods = check_methods(methods, "methods")
    if split not in ("train", "val", "test"):
        raise UserError(f"split={split}: expected train, val or test.")
    for option, value in (("points", points), ("tsne_points", tsne_points)):
        if not 1 <= value <= MOST_POINTS:
            raise UserError(f"{option}={value}: expected 1 to {MOST_POINTS:,}.")
    search = Search(neighbours, nearest, distance)
    trained = restore(run, checkpoint=checkpoint, accelerator=accelerator, packages=packages)
    folder = trained.place(out, "embeddings")
    hunt = Hunt.ask(trained, anomalies, anomaly, among=None if images else trained.spec.classes)
    queries = of_files(neighbours, trained.spec, "neighbours") if neighbours else None
    looking = Looking(trained, trained.predictor(), layer)
    read = functools.cache(lambda: trained.data(data))
    stream = of_files(images, trained.spec, "images") if images else of_split(read(), split)
    near = search.run(looking, queries, read()) if queries else None
    seen = observe(looking, stream, hunt, points)
    caught = hunt.caught(seen.files, seen.names, seen.said["mse"]) if hunt else None
    work = _Work(looking, seen, methods, tsne_points)
    figures = work.write(folder)
    console.print(work.table(figures))
    if near is not None:
        near.write(folder)
    if caught is not None:
        figures |= caught.write(folder, stream)
    log.info("Written: %s", folder)
    log.info("In the projector: tensorboard --logdir %s", shlex.quote(str(folder / "projector")))
    return figures


@dataclass(frozen=True)
class Seen:
    """What a pass over N images found. ``labels_N`` has −1 where a class is not known; ``names`` are those of
    classes or folders. ``places_P``: which images ``thumbnails_PHWC`` (uint8 RGB) show and a picture may.
    """

    stream: Stream
    files: list[str]
    names: list[str]
    labels_N: np.ndarray
    vectors_ND: np.ndarray
    said: Mapping[str, np.ndarray]
    places_P: np.ndarray
    thumbnails_PHWC: np.ndarray


def observe(looking: Looking, stream: Stream, hunt: Hunt | None, points: int) -> Seen:
    """Look at every image of the stream once. Raises UserError for vectors too large to be kept."""
    wanted = np.zeros(stream.count, dtype=bool)
    wanted[choose_points(stream.count, points, looking.trained.config["seed"])] = True
    files: list[str] = []
    names: list[str] = []
    labels, vectors, said, thumbnails = [], [], dict[str, list[Tensor]](), []
    for batch, images_BCHW in looking.batches(stream, "Looking"):
        vectors.append(looking.checked(batch, images_BCHW))
        _check_size(looking.layer, stream.count, vectors[-1].shape[1])
        found, output = looking.said(images_BCHW)
        if hunt is not None:
            hunt.see(batch, found["mse"], looking.trained.spec.denormalise(images_BCHW), output)
        for name, values_B in found.items():
            said.setdefault(name, []).append(values_B)
        shown_B = torch.from_numpy(wanted[len(files) : len(files) + len(batch.files)])
        thumbnails.append(to_rgb(looking.trained.spec, _small(images_BCHW[shown_B.to(images_BCHW.device)])))
        labels.append(batch.labels_B)
        files += batch.files
        names += batch.names
    return Seen(
        stream=stream,
        files=files,
        names=names,
        labels_N=torch.cat(labels).numpy(),
        vectors_ND=torch.cat(vectors).numpy(),
        said={name: torch.cat(values).numpy() for name, values in said.items()},
        places_P=np.flatnonzero(wanted[: len(files)]),
        thumbnails_PHWC=np.concatenate(thumbnails),
    )


def _check_size(layer: str, count: int, dimensions: int) -> None:
    size = 4 * count * dimensions
    if size > MOST_BYTES:
        raise UserError(
            f"layer={layer}: {count:,} vectors of {dimensions:,} numbers would take {size / 2**30:.1f} GiB; "
            f"expected at most {MOST_BYTES / 2**30:.0f}. Take a later layer or fewer images, images=…."
        )


def _small(images_BCHW: Tensor) -> Tensor:
    """No larger than the projector shows them."""
    share = MOST_PIXELS / max(images_BCHW.shape[2:])
    if share >= 1 or not len(images_BCHW):
        return images_BCHW
    size = [max(1, round(side * share)) for side in images_BCHW.shape[2:]]
    return functional.interpolate(images_BCHW, size=size, mode="bilinear", antialias=True)


class _Work:
    """The files of what was seen."""

    def __init__(self, looking: Looking, seen: Seen, methods: Sequence[str], tsne_points: int) -> None:
        self.trained, self.layer, self.seen = looking.trained, looking.layer, seen
        self.classes = [plain(name) for name in self.trained.spec.classes]
        self.seed = self.trained.config["seed"]
        self.name = f"{self.layer}_{seen.stream.name}".replace("/", "_")
        chosen = seen.places_P
        self.figures = self._figures(chosen)
        reduced_PD = reduced(seen.vectors_ND[chosen])
        self.reduced_PD = reduced_PD
        self.pictures = {method: self._picture(method, tsne_points) for method in methods}

    def _figures(self, chosen: np.ndarray) -> dict[str, Any]:
        seen = self.seen
        known = chosen[seen.labels_N[chosen] >= 0]
        figures: dict[str, Any] = {"images": len(seen.files), "dimensions": seen.vectors_ND.shape[1]}
        if len(known):
            figures |= measures(seen.vectors_ND[known], seen.labels_N[known], self.seed)
        known = np.flatnonzero(seen.labels_N >= 0)
        if "predicted" in seen.said and len(known):
            figures["accuracy"] = float((seen.said["predicted"] == seen.labels_N)[known].mean())
        if "mse" in seen.said:
            figures["mse"] = float(seen.said["mse"].mean())
        return figures

    def _picture(self, method: str, tsne_points: int) -> Picture:
        seen, vectors_PD = self.seen, self.reduced_PD
        some = np.arange(len(seen.places_P))
        if method == "tsne":
            some = choose_points(len(some), tsne_points, self.seed).numpy()
        layout = arrange(method, vectors_PD[some], seed=self.seed)
        labels, colours = seen.labels_N[seen.places_P[some]], ""
        if (labels < 0).all() and "predicted" in seen.said:
            labels, colours = seen.said["predicted"][seen.places_P[some]], "; colour: the predicted class"
        axes = axes_names(method)
        if method == "pca":
            shares = explained(layout, seen.vectors_ND[seen.places_P[some]])
            axes = [
                f"{name} ({100 * share:.0f} % of the variance)"
                for name, share in zip(axes, shares, strict=True)
            ]
        kept = {name: v for name, v in self.figures.items() if name in ("knn_accuracy", "silhouette")}
        which = f"{len(some):,} of {len(seen.files):,}" if len(some) < len(seen.files) else f"{len(some):,}"
        return scatter(
            layout,
            labels,
            self.classes,
            title=f"{METHODS[method]} of {self.layer}, {self.trained.name}",
            note=f"{which} {self._images}{measures_told(kept)}{colours}",
            axes_names=axes,
        )

    @property
    def _images(self) -> str:
        stream = self.seen.stream
        return f"images of {stream.source}" if stream.name == "images" else f"{stream.name} images"

    def write(self, folder: Path) -> dict[str, Any]:
        write_atomically(folder / f"{self.name}.npz", self._arrays())
        for method, picture in self.pictures.items():
            write_png(folder / f"{self.name}_{method}.png", picture)
        write_projector(
            folder / "projector" / self.name,
            name=f"{self.layer}, {self._images}, epoch {self.trained.epoch}",
            vectors_ND=self.reduced_PD,
            columns=self._columns(),
            thumbnails_NHWC=self._thumbnails(),
            same_as=None,
        )
        return self.figures

    def _arrays(self) -> bytes:
        seen, content = self.seen, io.BytesIO()
        made_with: dict[str, Any] = {
            "run": str(self.trained.folder),
            "checkpoint": self.trained.checkpoint.name,
            "epoch": self.trained.epoch,
            "layer": self.layer,
            "split": seen.stream.name,
            "source": seen.stream.source,
        }
        arrays: dict[str, Any] = {
            "features_ND": seen.vectors_ND,
            "labels_N": seen.labels_N,
            "files_N": np.array(seen.files),
            "classes": np.array(self.trained.spec.classes),
        }
        arrays |= {f"{name}_N": values_N for name, values_N in seen.said.items()}
        np.savez(content, **arrays, **made_with)
        return content.getvalue()

    def _columns(self) -> dict[str, Sequence[object]]:
        seen, chosen = self.seen, self.seen.places_P
        labels = seen.labels_N[chosen].tolist()
        columns: dict[str, Sequence[object]] = {
            "index": chosen.tolist(),
            "file": [seen.files[place] for place in chosen],
            "true": [self.classes[label] if label >= 0 else "not known" for label in labels],
        }
        if "predicted" in seen.said:
            said = seen.said["predicted"][chosen].tolist()
            columns["predicted"] = [self.classes[label] for label in said]
            right = zip(labels, said, strict=True)
            columns["correct"] = ["yes" if a == b else "no" if a >= 0 else "not known" for a, b in right]
            columns["confidence"] = [f"{share:.4f}" for share in seen.said["confidence"][chosen]]
        if "mse" in seen.said:
            columns["mse"] = [f"{error:.6f}" for error in seen.said["mse"][chosen]]
        return columns

    def _thumbnails(self) -> np.ndarray:
        grey = self.trained.spec.image_shape[0] == 1  # a grey sprite is a third of the size
        return self.seen.thumbnails_PHWC[..., :1] if grey else self.seen.thumbnails_PHWC

    def table(self, figures: Mapping[str, Any]) -> Table:
        """What was seen, and how well the classes lie apart."""
        table = Table(title=self.trained.name, title_justify="left", title_style="bold", show_header=False)
        table.add_column(style="dim")
        table.add_column(overflow="fold")
        embedded = "the code" if "mse" in self.seen.said else "what the last linear layer sees"
        sees = f" ({embedded})" if self.layer == EMBED else ""
        where = self.seen.stream.source
        words = {
            "knn_accuracy": "10-nearest-neighbour accuracy",
            "silhouette": "silhouette",
            "accuracy": "the net's own accuracy",
            "mse": "mean squared error",
        }
        numbers = counted(figures["dimensions"], "number")
        table.add_row("layer", Text(f"{self.layer}{sees}, {numbers} an image"))
        table.add_row("images", Text(plain(f"{figures['images']:,}, {self.seen.stream.name} of {where}")))
        known = (self.seen.labels_N >= 0).sum()
        for name, word in words.items():
            if name in figures:
                of_some = name != "mse" and known < figures["images"]
                some = f" (of the {known:,} whose class is known)" if of_some else ""
                table.add_row(word, f"{figures[name]:.4f}{some}")
            elif name == "knn_accuracy" and 0 < known < LEAST_POINTS:
                table.add_row(word, f"– (needs {LEAST_POINTS} images, here {known})")
        return table
