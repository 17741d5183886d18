"""Predictions of images in words: a class and its confidence, labels, numbers; or the likeliest classes.

Axes: B images, K classes, labels or numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pellucid.inside.images import UNKNOWN, Images
from pellucid.inside.predictor import Predictor
from pellucid.metrics.predictions import Predictions
from pellucid.system.number_text import number

MAX_LINE = 22  # letters below an image
RESERVED = ("file", "labels", "true", "loss", "error")  # columns that no label or number may take


@dataclass(frozen=True)
class PredictedImages:
    """What is predicted of B images, in words, and what is known of them.

    Where nothing is known that is empty, and ``right`` None, as it is of numbers.
    """

    predicted: Sequence[str]
    true: Sequence[str]
    right: Sequence[bool | None]
    captions: Sequence[str]


def name_classes(predictions: Predictions, classes: Sequence[str]) -> PredictedImages:
    """Predictions by the names of classes, labels or numbers, of images of which they are known."""
    predicted = predicted_texts(predictions.values, classes)
    if predictions.targets_NK is None:
        true = [classes[label] for label in predictions.labels_N.tolist()]
        right = predictions.right().tolist()
    else:
        true = target_texts(predictions.targets, classes)
        right = [None] * len(true)
        if predictions.has_labels:
            right = (predictions.values["has"] == predictions.targets).all(dim=1).tolist()
    captions = _numbers_side_by_side(predictions.values, predictions.targets_NK, classes)
    return PredictedImages(predicted, true, right, captions or _captions(predicted, true))


def predict_images(predictor: Predictor, images: Images) -> PredictedImages:
    """What is predicted of images."""
    values, names = predictor.predictions(predictor.inputs(images.pixels_BCHW)), predictor.spec.classes
    predicted, true = predicted_texts(values, names), known_texts(images, names)
    captions = _numbers_side_by_side(values, images.targets_BK, names)
    return PredictedImages(predicted, true, right_of(values, images), captions or _captions(predicted, true))


def _captions(predicted: Sequence[str], true: Sequence[str]) -> list[str]:
    """``cat 0.97`` and, in a line of its own where it is known, ``(dog)``."""
    return [
        broken(said) + (f"\n{broken(f'({known})')}" if known else "")
        for said, known in zip(predicted, true, strict=True)
    ]


def _numbers_side_by_side(
    values: Mapping[str, Tensor], true_BK: Tensor | None, names: Sequence[str]
) -> list[str]:
    """Captions of several numbers, a line each, ``tilt −3.3 (22.9)``; none where it is not these."""
    if "numbers" not in values or len(names) < 2 or true_BK is None:
        return []
    rows = zip(values["numbers"].tolist(), true_BK.tolist(), strict=True)
    return ["\n".join(map(_number_line, names, *row)) for row in rows]


def _number_line(name: str, predicted: float, true: float) -> str:
    return f"{name} {number(predicted)} ({number(true)})"


def known_texts(images: Images, names: Sequence[str]) -> Sequence[str]:
    """What is known of images: their classes, or labels and numbers in words."""
    return images.names if images.targets_BK is None else target_texts(images.targets_BK, names)


def right_of(values: Mapping[str, Tensor], images: Images) -> list[bool | None]:
    """Whether each image was recognised, with all of its labels; None where that is not known."""
    if "has" in values and images.targets_BK is not None:
        right: list[bool | None] = (values["has"].cpu() == images.targets_BK).all(dim=1).tolist()
        return right
    if "predicted" not in values:
        return [None] * len(images)
    pairs = zip(values["predicted"].tolist(), images.labels_B.tolist(), strict=True)
    return [None if label == UNKNOWN else predicted == label for predicted, label in pairs]


def predicted_texts(values: Mapping[str, Tensor], names: Sequence[str]) -> list[str]:
    """``cat 0.97``; ``cat 0.97, dog 0.61`` or ``none: cat 0.12``; ``34.2``; ``x 1.5, y −2``."""
    if "predicted" in values:
        pairs = zip(values["predicted"].tolist(), values["confidence"].tolist(), strict=True)
        return [f"{names[label]} {confidence:.2f}" for label, confidence in pairs]
    if "scores" in values:
        rows = zip(values["scores"].tolist(), values["has"].tolist(), strict=True)
        return [_labels(scores_K, has_K, names) for scores_K, has_K in rows]
    return [_numbers(numbers_K, names) for numbers_K in values["numbers"].tolist()]


def target_texts(targets_BK: Tensor, names: Sequence[str]) -> list[str]:
    """What is known of images in the same words, without probabilities."""
    if targets_BK.dtype == torch.bool:
        rows = targets_BK.tolist()
        return [
            ", ".join(name for name, has in zip(names, row, strict=True) if has) or "none" for row in rows
        ]
    return [_numbers(numbers_K, names) for numbers_K in targets_BK.tolist()]


def output_columns(values: Mapping[str, Tensor], names: Sequence[str]) -> list[dict[str, Any]]:
    """Columns of a table, of each image: its labels and the probability of each, or its numbers."""
    names = [f"{name}_" if name in RESERVED else name for name in names]
    if "numbers" in values:
        return [dict(zip(names, row, strict=True)) for row in values["numbers"].tolist()]
    said = target_texts(values["has"].cpu(), names)
    return [
        {"labels": text, **{name: round(score, 6) for name, score in zip(names, row, strict=True)}}
        for text, row in zip(said, values["scores"].tolist(), strict=True)
    ]


def _labels(scores_K: Sequence[float], has_K: Sequence[bool], names: Sequence[str]) -> str:
    """The labels that it has with their probabilities, the likeliest first; or that it has none."""
    order = sorted(range(len(names)), key=lambda label: -scores_K[label])
    said = [f"{names[label]} {scores_K[label]:.2f}" for label in order if has_K[label]]
    return ", ".join(said) or f"none: {names[order[0]]} {scores_K[order[0]]:.2f}"


def _numbers(numbers_K: Sequence[float], names: Sequence[str]) -> str:
    texts = [number(value, digits=4) for value in numbers_K]
    return texts[0] if len(texts) == 1 else ", ".join(map(" ".join, zip(names, texts, strict=True)))


def broken(text: str) -> str:
    """The text in lines that fit below an image of a grid; parts between commas stay whole."""
    lines: list[str] = []
    for part in text.split(", "):
        if lines and len(lines[-1]) + len(part) + 2 <= MAX_LINE:
            lines[-1] += f", {part}"
        else:
            lines.append(part)
    return ",\n".join(lines)


def likeliest(probabilities_BK: Tensor, classes: Sequence[str], limit: int) -> list[list[tuple[str, float]]]:
    """Of each image at most so many classes with their probabilities, the likeliest first."""
    top = probabilities_BK.cpu().topk(min(limit, probabilities_BK.shape[1]))
    return [
        [(classes[label], probability) for label, probability in zip(labels, probabilities, strict=True)]
        for labels, probabilities in zip(top.indices.tolist(), top.values.tolist(), strict=True)
    ]


def image_rows(
    files: Sequence[str], predictions: Predictions, classes: Sequence[str]
) -> list[dict[str, Any]]:
    """A row an image: its file, what is known of it, its loss, and what was predicted.

    With the probability of every class, ``probability_<class>``, or label, where the task gives it.
    """
    loss_N = predictions.values["loss"]
    said = {
        name: values_N.tolist()
        for name, values_N in predictions.values.items()
        if values_N.ndim == 1 and not torch.equal(values_N, loss_N)  # an autoencoder's error is its loss
    }
    rows, losses = [], loss_N.tolist()
    if predictions.has_labels or predictions.has_numbers:
        columns = _columns(predictions, classes)
        return [
            {"file": file, "loss": loss, **row}
            for file, loss, row in zip(files, losses, columns, strict=True)
        ]
    if predictions.targets_NK is None:
        known = [{"class": classes[label]} for label in predictions.labels_N.tolist()]
    else:
        known = [{"true": text} for text in target_texts(predictions.targets, classes)]
    heads = [f"probability_{name}" for name in classes] if "probabilities" in predictions.values else []
    probabilities = predictions.values["probabilities"].tolist() if heads else []
    for index, (file, of_image) in enumerate(zip(files, known, strict=True)):
        row = {"file": file, **of_image, "loss": losses[index]}
        row |= {name: values[index] for name, values in said.items()}
        if predictions.has_classes:
            row["predicted"] = classes[row["predicted"]]
            row["right"] = row["predicted"] == row["class"]
        row |= dict(zip(heads, probabilities[index], strict=True)) if heads else {}
        rows.append(row)
    return rows


def _columns(predictions: Predictions, names: Sequence[str]) -> list[dict[str, Any]]:
    """What is known and predicted of each image: its labels, with their probabilities, or its numbers."""
    said = output_columns(predictions.values, names)
    if predictions.has_labels:
        true = target_texts(predictions.targets, names)
        return [
            {"true": text, "predicted": row.pop("labels"), **row}
            for text, row in zip(true, said, strict=True)
        ]
    return [
        {f"true_{name}": value for name, value in zip(names, known, strict=True)}
        | {f"predicted_{name}": value for name, value in zip(names, row.values(), strict=True)}
        for known, row in zip(predictions.targets.tolist(), said, strict=True)
    ]
