"""What a net's output means: class scores, images again, or numbers of which nothing is known.

Axes: B images, K classes, C channels, H × W pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import partial
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from pellucid.discovery.normalization import OWN_RANGE
from pellucid.errors import UserError, counted
from pellucid.inside.images import UNKNOWN
from pellucid.metrics.predictions import are_probabilities
from pellucid.spec import Spec

KEYS = ("logits", "scores", "out", "output", "prediction", "pred")  # of a mapping that a net gives
SAME_VALUES = {
    f"{name}Backward0"
    for name in (
        "View",
        "Squeeze",
        "Unsqueeze",
        "Reshape",
        "UnsafeView",
        "Select",
        "Slice",
        "ToCopy",
        "Clone",
    )
}  # steps of a graph which leave values as they are
Read = Callable[[Any], Tensor]
Score = str | Callable[[Any], Tensor]  # the name of a part of the output, or what makes numbers (B,) of it


@dataclass(frozen=True)
class FoundOutput:
    """``read`` gives of a net's output the tensor that is meant; ``interpret`` says what that predicts of
    images; ``text`` what was found; ``classes`` are the names of the scores' classes, none without scores.
    """

    read: Read
    interpret: Callable[[Tensor, Tensor, Tensor | None], Mapping[str, Tensor]]
    text: str
    classes: tuple[str, ...] = ()


def find_output(
    output: Any,
    inputs_BCHW: Tensor,
    labels_N: Tensor,
    spec: Spec,
    score: Score | None = None,
    traced: Any = None,
) -> FoundOutput:
    """The meaning of a net's output of those images: of its first part that has one.

    ``labels_N`` are those of all images, ``UNKNOWN`` where they are not known; the classes of ``spec`` may be
    none. ``traced`` is the output of some images with its graph, which tells a probability from a score.
    Raises UserError for a ``score`` that the output does not give.
    """
    count = len(inputs_BCHW)
    if score is not None:
        return _of_score(output, count, score)
    parts = list(tensors(output))
    rows = [index for index, value in enumerate(parts) if value.ndim and len(value) == count]
    if not rows:
        return FoundOutput(lambda given: torch.zeros(count, 0), _nothing, "nothing that is known")
    graphs = list(tensors(traced))
    for index in rows:
        read, main = partial(tensor_at, index=index), parts[index]
        if main.shape == inputs_BCHW.shape and main.is_floating_point():
            if spec.statistics == OWN_RANGE:
                text = f"{_shape(main)}, as the images; to see reconstructions give mean=… and std=…"
                return FoundOutput(read, _nothing, text)
            return _of_images(read, spec)
        if main[0].numel() == 1 and not isinstance(output, Tensor):
            continue  # one number beside others: of what is not known
        is_probability = _is_sigmoid(graphs[index]) if index < len(graphs) else None
        found = _of_scores(read, main, labels_N, spec.classes, is_probability)
        if found is not None:
            return found
    first = parts[rows[0]]
    text = f"{_shape(first)}{_misfit(first, labels_N, spec.classes)}; score=… makes of it a number to explain"
    return FoundOutput(partial(tensor_at, index=rows[0]), _nothing, text)


def _misfit(main: Tensor, labels_N: Tensor, names: tuple[str, ...]) -> str:
    """Why numbers in rows are no scores of the classes that are known."""
    classes = len(names) or (int(labels_N.max()) + 1 if len(labels_N) else 0)
    if main.ndim != 2 or main.shape[1] == 1 or classes == 0:
        return ""
    return f", no scores of {counted(classes, 'class')}: classes=[…] names one for each"


def _parts(output: Any) -> str:
    """What an output is, and its parts that have names."""
    names = list(output) if isinstance(output, Mapping) else []
    names = [field.name for field in fields(output)] if is_dataclass(output) else names
    return type(output).__name__ + (f" with {', '.join(map(str, names))}" if names else "")


def _shape(value: Tensor) -> str:
    return " × ".join(map(str, ("B", *value.shape[1:])))


def _is_sigmoid(output: Tensor) -> bool | None:
    """Whether a sigmoid has made an output; None where that is not known."""
    node = output.grad_fn
    if node is None:
        return None
    while node.name() in SAME_VALUES and node.next_functions and node.next_functions[0][0] is not None:
        node = node.next_functions[0][0]
    return bool(node.name() == "SigmoidBackward0")


def tensor_at(output: Any, index: int) -> Tensor:
    """That one of ``tensors``."""
    return next(islice(tensors(output), index, None))


def tensors(output: Any) -> Iterator[Tensor]:
    """Those in an output of any form; first of all what is called its logits."""
    if isinstance(output, Tensor):
        yield output
        return
    logits = getattr(output, "logits", None)
    if isinstance(logits, Tensor):
        yield logits
    values: Sequence[Any] = ()
    if isinstance(output, Mapping):
        values = [output[key] for key in KEYS if key in output] + list(output.values())
    elif isinstance(output, tuple | list):
        values = output
    elif is_dataclass(output):
        values = [getattr(output, field.name) for field in fields(output)]
    for value in values:
        yield from tensors(value)


def _of_score(output: Any, count: int, score: Score) -> FoundOutput:
    name = score if isinstance(score, str) else "…"

    def read(given: Any) -> Tensor:
        if not isinstance(score, str):
            return torch.as_tensor(score(given)).reshape(-1, 1)
        value = given[score] if isinstance(given, Mapping) else getattr(given, score)
        return torch.as_tensor(value).reshape(-1, 1)

    try:
        found = read(output)
    except Exception as error:
        raise UserError(f"score={name}: {type(error).__name__}: {error}, of {_parts(output)}.") from error
    if len(found) != count:
        raise UserError(f"score={name}: expected a number for each of {count} images, got {len(found)}.")
    return FoundOutput(
        read, lambda images, values, labels: {"score": values[:, 0]}, f"the number score={name}"
    )


def _of_images(read: Read, spec: Spec) -> FoundOutput:
    def interpret(images: Tensor, output: Tensor, labels: Tensor | None) -> dict[str, Tensor]:
        return {"mse": (spec.denormalise(images.float()) - output).square().flatten(1).mean(dim=1)}

    return FoundOutput(lambda output: spec.denormalise(read(output)), interpret, "images again")


def _of_scores(
    read: Read, main: Tensor, labels_N: Tensor, names: tuple[str, ...], is_probability: bool | None
) -> FoundOutput | None:
    """None where it cannot be known that these are scores of the labels' classes."""
    known = labels_N[labels_N != UNKNOWN]
    if main.ndim > 2 or not main.is_floating_point() or not (len(known) or names):
        return None
    width, most = (main.shape[1] if main.ndim == 2 else 1), int(known.max()) + 1 if len(known) else 0
    if width == 1:
        if most > 2 or not len(known) or len(names) not in (0, 2):
            return None
        if is_probability is None:
            is_probability = bool(((main >= 0) & (main <= 1)).all())
        two = _two_probabilities if is_probability else _two_scores
        text = f"one {'probability' if is_probability else 'score'}, of the second of two classes"
        return FoundOutput(lambda output: two(read(output)), _classes, text, names or ("0", "1"))
    if width != (len(names) or most) or most > width:
        return None
    names = names or tuple(map(str, range(width)))
    return FoundOutput(read, _classes, f"scores of {counted(width, 'class')}", names)


def _two_scores(score_B: Tensor) -> Tensor:
    """Scores of two classes, whose softmax is the sigmoid of the one score; both can be explained."""
    return torch.stack([-score_B.flatten() / 2, score_B.flatten() / 2], dim=1)


def _two_probabilities(probability_B: Tensor) -> Tensor:
    return torch.stack([1 - probability_B.flatten(), probability_B.flatten()], dim=1)


def _classes(images: Tensor, output_BK: Tensor, labels_B: Tensor | None) -> dict[str, Tensor]:
    probabilities_BK = _probabilities(output_BK)
    confidence_B, predicted_B = probabilities_BK.max(dim=1)
    return {"predicted": predicted_B, "confidence": confidence_B, "probabilities": probabilities_BK}


def _probabilities(output_BK: Tensor) -> Tensor:
    """Of scores; of a net that ends in a softmax what it gives."""
    return output_BK if are_probabilities(output_BK) else output_BK.softmax(dim=1)


def _nothing(images: Tensor, output: Tensor, labels: Tensor | None) -> dict[str, Tensor]:
    return {}
