"""Questions to a net that was trained anywhere: maps, filters, units, explanations, a summary, a graph.

Axes: N images, C channels, K classes, H × W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.api.result import Result
from pellucid.callbacks.finder import Finder, Given
from pellucid.callbacks.summary import summary_text
from pellucid.callbacks.views import EXPLAINERS
from pellucid.commands.units import BATCH_SIZE, unit_rows, unit_sheets
from pellucid.data.stream import of_images
from pellucid.discovery.normalization import given_normalization
from pellucid.discovery.pool import given_pool
from pellucid.draw.dataflow import Box, draw_dataflow
from pellucid.draw.explanations import Column, explanations
from pellucid.draw.figures import Figures
from pellucid.draw.filters import draw_filters
from pellucid.draw.maps import draw_feature_maps
from pellucid.errors import UserError, counted, did_you_mean
from pellucid.inside.dataflow import trace_dataflow
from pellucid.inside.images import Images
from pellucid.inside.layers import Layers
from pellucid.inside.predictor import Predictor
from pellucid.inside.summary import summarize
from pellucid.inside.trace import traced
from pellucid.inside.units import find_units
from pellucid.view import feature_maps as maps_view
from pellucid.view.explanations import applicable, attributions, explained_scores
from pellucid.view.filters import chosen_convolutions, kernels
from pellucid.view.units import study_units

MAX_DRAWN = 16  # images of a picture
MAX_PARTS, MAX_DEPTH = 72, 8  # of a graph whose depth is not given


def explain(
    net: nn.Module,
    images: Tensor,
    *,
    methods: Sequence[str] | None = None,
    target: str = "predicted",
    classes: Sequence[str] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> Result:
    """Maps of what speaks for a class in each image, by each method that applies to the net.

    ``images`` (N, C, H, W): floats as the net takes them, or uint8, brought to [0, 1] and normalised by
    ``mean`` and ``std``. ``methods``: of saliency, integrated_gradients, grad_cam and occlusion; None: all.
    ``target``: predicted, or one of the ``classes``. Arrays: maps (N, H, W) by method, ``scores`` (N, K).
    Raises UserError for what does not fit.
    """
    names = list(EXPLAINERS) if methods is None else list(methods)
    for name in names:
        if name not in EXPLAINERS:
            hint = did_you_mean(name, list(EXPLAINERS))
            raise UserError(f"methods: {name}: expected some of {', '.join(EXPLAINERS)}.{hint}")
    predictor, inputs_NCHW = _looked(net, images, classes, mean, std)
    if target != "predicted" and target not in predictor.spec.classes:
        raise UserError(
            f"target={target}: expected predicted or one of classes=[…]: {', '.join(predictor.spec.classes)}."
        )
    with predictor.reading():
        usable = applicable(predictor, {name: EXPLAINERS[name]() for name in names})
        if not usable.explainers:
            raise UserError("; ".join(f"{name}: {why}" for name, why in usable.refused.items()))
        scores = explained_scores(predictor, inputs_NCHW, target)
        found = list(attributions(predictor, usable.explainers, inputs_NCHW, scores.target_B))
    columns = {
        each.maps.title: Column(each.maps.shown(), usable.explainers[name].signed, each.maps.notes)
        for name, each in found
    }
    rows, classes = list[dict[str, Any]](), predictor.spec.classes
    for shares_K, label in zip(scores.probabilities, scores.target_B.tolist(), strict=True):
        name = classes[label] if label < len(classes) else str(label)
        rows.append({"explained": name, "probability": float(shares_K[label])})
    titles = [f"{row['explained']} {row['probability']:.2f}" for row in rows]
    picture = explanations(
        predictor.shown(inputs_NCHW[:MAX_DRAWN]),
        titles[:MAX_DRAWN],
        [None] * len(titles[:MAX_DRAWN]),
        columns,
        title=f"Explanations of {type(net).__name__}",
    )
    refused = [f"{name}: not of this net, {why}" for name, why in usable.refused.items()]
    arrays = {name: each.maps.maps_BHW.cpu().numpy() for name, each in found}
    return Result(
        "\n".join([", ".join(titles), *refused]),
        rows,
        {**arrays, "scores": scores.scores_BK.numpy()},
        Figures.drawn({"explanations": picture}),
    )


def feature_maps(
    net: nn.Module,
    images: Tensor,
    *,
    layers: Layers = "auto",
    shown: int = 16,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> Result:
    """What convolutions give of images, a picture each.

    ``images`` (N, C, H, W): see ``explain``. ``layers``: names of ``named_modules``, or auto: the first,
    middle and last convolution. ``shown``: so many maps are drawn. Arrays: maps (N, M, h, w) by layer.
    Raises UserError.
    """
    predictor, inputs_NCHW = _looked(net, images, None, mean, std)
    with predictor.reading():
        names = maps_view.mapped_layers(predictor, layers)
        if not names:
            raise UserError(f"{type(net).__name__} has no convolutions (Conv2d), whose maps could be shown.")
        outputs = maps_view.feature_maps(predictor, inputs_NCHW, names)
    photos_NHWC = predictor.shown(inputs_NCHW[:MAX_DRAWN])
    pictures = {
        each.layer: draw_feature_maps(
            photos_NHWC,
            [""] * len(photos_NHWC),
            each.values[:MAX_DRAWN],
            shown=shown,
            title=f"{each.layer} of {type(net).__name__}",
        )
        for each in outputs
    }
    rows = [{"layer": each.layer, "kind": each.kind, "maps": each.values.shape[1]} for each in outputs]
    text = "\n".join(f"{each.layer}: {each.kind}, {each.values.shape}" for each in outputs)
    return Result(text, rows, {each.layer: each.values for each in outputs}, Figures.drawn(pictures))


def filters(net: nn.Module, *, layers: Layers = "auto", shown: int = 256) -> Result:
    """Kernels of convolutions, a picture each.

    ``layers``: names, or auto: the first, middle and last. ``shown``: so many are drawn. Arrays: kernels
    (outputs, inputs, height, width) by layer. Raises UserError.
    """
    _check(net)
    found = {name: kernels(net, name) for name in chosen_convolutions(net, layers)}
    if not found:
        raise UserError(f"{type(net).__name__} has no convolutions (Conv2d).")
    pictures = {
        name: draw_filters(
            values,
            None,
            kernels=shown,
            title=f"{name} of {type(net).__name__}",
            change=None,
            is_grouped=bool(net.get_submodule(name).groups != 1),
        )
        for name, values in found.items()
    }
    text = "\n".join(f"{name}: {values.shape}" for name, values in found.items())
    return Result(text, (), found, Figures.drawn(pictures))


def summary(net: nn.Module, image_shape: tuple[int, int, int], *, depth: int = 2) -> Result:
    """Layers down to ``depth`` levels with their outputs for an image of that shape (C, H, W), parameters and
    floating point operations, a row each; the last is the whole net. Raises UserError where it does not run.
    """
    _check(net, image_shape)
    shape = " × ".join(map(str, image_shape))
    try:
        layers = summarize(net, image_shape, depth)
    except (RuntimeError, ValueError, TypeError, AssertionError) as error:
        raise _runs_not(net, image_shape, error) from error
    text = summary_text(layers, f"{type(net).__name__} for images of {shape}")
    return Result(text, [vars(layer) for layer in layers])


def graph(net: nn.Module, image_shape: tuple[int, int, int], *, depth: int | None = None) -> Result:
    """The net as boxes and arrows, for an image of that shape (C, H, W): which part takes what which others
    give. ``depth``: levels of layers, None: as many as give up to MAX_PARTS boxes. A row each part, with the
    names of its ``sources``. Raises UserError where it does not run.
    """
    _check(net, image_shape)
    if depth is not None and depth < 1:
        raise UserError(f"depth={depth}: expected at least 1 level of layers.")
    try:
        parts = trace_dataflow(net, image_shape, depth or 1)
        for more in range(2, MAX_DEPTH) if depth is None else ():
            deeper = trace_dataflow(net, image_shape, more)
            if len(deeper) > MAX_PARTS or deeper == parts:
                break
            parts = deeper
    except (RuntimeError, ValueError, TypeError, AssertionError) as error:
        raise _runs_not(net, image_shape, error) from error
    shapes = [" × ".join(map(str, part.output or ())) for part in parts]
    boxes = [
        Box(part.name, part.kind, shape, part.sources) for part, shape in zip(parts, shapes, strict=True)
    ]
    name = type(net).__name__
    size, count = " × ".join(map(str, image_shape)), sum(p.numel() for p in net.parameters())
    note = f"for an image of {size}; at the right what each gives; {count:,} parameters"
    rows = [{**vars(part), "sources": [parts[source].name for source in part.sources]} for part in parts]
    picture = draw_dataflow(boxes, title=f"Graph of {name}", note=note)
    return Result(f"{name}: {counted(len(parts), 'part')}", rows, figures=Figures.drawn({"graph": picture}))


def units(
    net: nn.Module,
    images: Tensor,
    *,
    layer: str = "auto",
    count: int = 8,
    labels: Tensor | None = None,
    classes: Sequence[str] | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    steps: int = 128,
    seed: int = 0,
) -> Result:
    """What the units of a layer respond to: the images that activate each most, one made to excite it.

    ``images`` (N, C, H, W), ``mean``, ``std``: see ``explain``; a made image needs to know them, or pixels
    in [0, 1].
    ``layer``: a name, or auto, the last convolution. ``count``: of its first units are drawn; a row each
    unit. ``labels`` (N,), ``classes``: of the images. ``steps``, ``seed``: of the made images. Raises
    UserError.
    """
    if count < 1 or steps < 1:
        raise UserError(f"count={count}, steps={steps}: expected at least 1.")
    predictor, inputs_NCHW, labels_N = _looked_with_labels(net, images, labels, classes, mean, std)
    spec, name = predictor.spec, type(net).__name__
    if not spec.mean:
        raise UserError("mean, std: how the images were normalised is not known. Expected both, or uint8.")
    given = Images(
        inputs_NCHW,
        labels_N,
        [f"image {index}" for index in range(len(inputs_NCHW))],
        [spec.classes[label] if label >= 0 else "" for label in labels_N.tolist()],
    )
    stream = of_images(given, "those given")
    with predictor.reading():
        trace = traced(predictor.net, predictor.black(2))
        chosen = find_units(trace, predictor.net, layer, batch=2)
        study = study_units(
            predictor,
            trace,
            chosen,
            list(range(min(count, chosen.units))),
            (batch.pixels_BCHW for batch in stream.batches(BATCH_SIZE)),
            steps=steps,
            seed=seed,
            advance=lambda phase, done: None,
        )
    rows = unit_rows(spec.classes, study, stream)
    dead = sum(row["dead"] for row in rows)
    return Result(
        f"{chosen.name}: {chosen.kind}, {chosen.size}. Dead: {dead}.",
        rows,
        {"made": study.maxima.images_BCHW.permute(0, 2, 3, 1).numpy()},
        Figures.drawn(unit_sheets(predictor, name, study, stream, rows)),
    )


def _check(net: object, image_shape: object = (1, 1, 1)) -> None:
    """Raise UserError for what is no net, or no shape of an image."""
    if not isinstance(net, nn.Module):
        raise UserError(f"net: expected a torch.nn.Module, got {net!r:.60}.")
    sizes = image_shape if isinstance(image_shape, Sequence) else ()
    if len(sizes) != 3 or not all(isinstance(size, int) and size > 0 for size in sizes):
        raise UserError(f"image_shape={image_shape!r:.60}: expected channels, height, width: (3, 224, 224).")


def _runs_not(net: nn.Module, image_shape: tuple[int, int, int], error: Exception) -> UserError:
    shape = " × ".join(map(str, image_shape))
    return UserError(f"{type(net).__name__} does not run on an image of {shape}: {error}")


def _looked(
    net: nn.Module,
    images: Tensor,
    classes: Sequence[str] | None,
    mean: Sequence[float] | None,
    std: Sequence[float] | None,
) -> tuple[Predictor, Tensor]:
    """The net ready to be looked at, and the images as it takes them. Raises UserError."""
    predictor, inputs_NCHW, _ = _looked_with_labels(net, images, None, classes, mean, std)
    return predictor, inputs_NCHW


def _looked_with_labels(
    net: nn.Module,
    images: Tensor,
    labels: Tensor | None,
    classes: Sequence[str] | None,
    mean: Sequence[float] | None,
    std: Sequence[float] | None,
) -> tuple[Predictor, Tensor, Tensor]:
    _check(net)
    normalization = given_normalization(mean, std)
    pool = given_pool(images, labels, normalization)
    given = Given(net, None, tuple(classes or ()), normalization, None, 0)
    with torch.no_grad():
        host = Finder(given, net, Path("figures"), pool=pool).host()
    if host is None or not host.is_seen:
        raise UserError(f"{type(net).__name__} does not run on these images.")
    predictor = host.predictor(net)
    return predictor, predictor.inputs(pool.inputs_NCHW), pool.labels_N
