"""Explanations of class scores: which methods apply, attribution maps, and how far they can be trusted.

Axes: B images, M of them measured, N that may be explained, K classes, H × W pixels.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.explainer.base import NO_MAP, Explainer, Explanation
from pellucid.explainer.faithfulness import DeletionInsertion, Faithfulness
from pellucid.explainer.randomization import rank_correlation
from pellucid.inside.predictor import Predictor
from pellucid.inside.preserve_state import preserve_state
from pellucid.inside.summary import operations
from pellucid.metrics.predictions import are_probabilities

MAX_ALIKE = 0.5  # rank correlation with the map of other weights, above which the weights hardly matter
# What measuring trust may cost in all; of MIN_MEASURED images it is measured all the same.
MAX_OPERATIONS, MIN_MEASURED = 3e12, 3
PASSES = 150  # of the net, about, that it takes for an image
BATCH_SIZE = 8  # where there is a budget of time


@dataclass(frozen=True)
class Applicable:
    """The methods that can explain a net, by name; ``refused``: why each of the others cannot."""

    explainers: Mapping[str, Explainer]
    refused: Mapping[str, str]


@dataclass(frozen=True)
class ExplainedScores:
    """Class scores before softmax of B images, (B, K) on the CPU, and which class is explained of each."""

    scores_BK: Tensor
    target_B: Tensor

    @property
    def predicted(self) -> Tensor:
        """The predicted classes, (B,)."""
        return self.scores_BK.argmax(dim=1)

    @property
    def are_probabilities(self) -> bool:
        """Whether the net ends in a softmax, so that there are no scores before it."""
        return are_probabilities(self.scores_BK)

    @property
    def probabilities(self) -> Tensor:
        """Those of all classes, (B, K)."""
        return self.scores_BK.softmax(dim=1)


@dataclass(frozen=True)
class Attribution:
    """Attribution maps of B images by one method, and how far M of them can be trusted.

    ``measured``: by the position of an image among the B, its position among the M.
    """

    maps: Explanation
    measured: Mapping[int, int]
    faithfulness: Faithfulness | None
    correlation_M: Tensor

    def verdict(self, position: int) -> tuple[str, bool | None]:
        """Trust in an image's map in a few words, and whether they speak for it; "" where there is no map."""
        if self.maps.notes[position] == NO_MAP:
            return "", None
        row = self.measured.get(position)
        if row is None or self.faithfulness is None:
            return "trust not measured", None
        if not self.faithfulness.better[row]:
            return "no better than random", False
        if self.correlation_M[row] > MAX_ALIKE:
            return f"alike without training: {self.correlation_M[row]:.2f}", False
        gain, random_gain = self.faithfulness.gain[row], self.faithfulness.random_gain[:, row].mean()
        against = self.maps.notes[position].startswith("✗")
        return f"gain {gain:.2f}, random {random_gain:.2f}", None if against else True

    def figures(self, position: int) -> dict[str, float | bool]:
        """Faithfulness measures of an image's map; none where they were not taken, or there is no map."""
        if self.maps.notes[position] == NO_MAP:
            return {"map": False}
        row, measures = self.measured.get(position), self.faithfulness
        if row is None or measures is None:
            return {}
        return {
            "deletion": float(measures.deletion_B[row]),
            "insertion": float(measures.insertion_B[row]),
            "random_deletion": float(measures.random_deletion_RB[:, row].mean()),
            "random_insertion": float(measures.random_insertion_RB[:, row].mean()),
            "better_than_random": bool(measures.better[row]),
            "likeness_to_other_weights": float(self.correlation_M[row]),
        }


@dataclass(frozen=True)
class MethodTrust:
    """Faithfulness of a method over ``measured`` images: means, and how many maps beat all random ones."""

    measured: int
    better: int
    gain: float
    random_gain: float
    correlation: float


def method_trust(figures: Sequence[Mapping[str, Any]]) -> MethodTrust | None:
    """Over images of which each gives its ``Attribution.figures``; None where none was measured."""
    measured = [row for row in figures if "deletion" in row]
    if not measured:
        return None

    def mean(name: str) -> float:
        return float(np.mean([row[name] for row in measured]))

    return MethodTrust(
        measured=len(measured),
        better=sum(row["better_than_random"] for row in measured),
        gain=mean("insertion") - mean("deletion"),
        random_gain=mean("random_insertion") - mean("random_deletion"),
        correlation=mean("likeness_to_other_weights"),
    )


def applicable(predictor: Predictor, explainers: Mapping[str, Explainer]) -> Applicable:
    """Which of the methods can explain the net."""
    black_1CHW = predictor.black().to(predictor.dtype)
    reasons = {name: each.reason(predictor.net, black_1CHW) for name, each in explainers.items()}
    refused = {name: reason for name, reason in reasons.items() if reason is not None}
    return Applicable({name: each for name, each in explainers.items() if name not in refused}, refused)


def explained_scores(
    predictor: Predictor, inputs_BCHW: Tensor, target: str, labels_B: Tensor | None = None
) -> ExplainedScores:
    """The scores of ``target``: predicted (of several labels the likeliest, of numbers the first), true (the
    classes ``labels_B``), or the name of a class, label or number.
    """
    scores_BK = predictor.run(inputs_BCHW).cpu()
    if target == "predicted" and predictor.has_numbers:
        return ExplainedScores(scores_BK, torch.zeros(len(scores_BK), dtype=torch.long))
    if target == "predicted":
        return ExplainedScores(scores_BK, scores_BK.argmax(dim=1))
    if target != "true":
        label = predictor.spec.classes.index(target)
        return ExplainedScores(scores_BK, torch.full((len(scores_BK),), label))
    assert labels_B is not None
    return ExplainedScores(scores_BK, labels_B)


def attributions(
    predictor: Predictor,
    explainers: Mapping[str, Explainer],
    inputs_BCHW: Tensor,
    target_B: Tensor,
    *,
    measured: Sequence[int] = (),
    randomized: nn.Module | None = None,
    seed: int = 0,
) -> Iterator[tuple[str, Attribution]]:
    """Maps of each method in turn, by its name; those of the images at ``measured`` are tried.

    ``randomized``: the net with its weights in another order, which is needed where maps are tried.
    ``seed``: of the random orders.
    """
    (black_CHW,) = predictor.black()
    faithfulness = None
    if measured:
        inputs_MCHW, target_M = inputs_BCHW[measured], target_B[measured]
        each = {"shares": torch.sigmoid} if predictor.has_labels or predictor.has_numbers else {}
        faithfulness = DeletionInsertion(predictor.net, inputs_MCHW, target_M, black_CHW, seed=seed, **each)
    for name, explainer in explainers.items():
        maps = explainer.explain(predictor.net, inputs_BCHW, target_B, black_CHW)
        if faithfulness is None:
            yield name, Attribution(maps, {}, None, torch.zeros(0))
            continue
        assert randomized is not None
        maps_MHW = maps.maps_BHW[measured]
        randomized_maps = explainer.explain(randomized, inputs_MCHW, target_M, black_CHW)
        correlation_M = rank_correlation(maps_MHW, randomized_maps.maps_BHW)
        positions = {position: index for index, position in enumerate(measured)}
        yield name, Attribution(maps, positions, faithfulness.measure(maps_MHW), correlation_M)


def affordable_measures(predictor: Predictor) -> int:
    """Of how many images trust is measured without asking."""
    with preserve_state(predictor.net) as net:
        cost = PASSES * operations(net, predictor.black().to(predictor.dtype))
    return max(MIN_MEASURED, int(MAX_OPERATIONS / max(cost, 1)))


def explanations_in_time(
    predictor: Predictor,
    explainers: Mapping[str, Explainer],
    inputs: Callable[[Sequence[int]], Tensor],
    target_N: Tensor,
    *,
    seconds: float,
) -> Iterator[tuple[Explainer, list[int], Explanation]]:
    """Maps of images in their order, as many as there is time for, cheap methods first: of which method and
    of which images, a batch at a time.

    ``inputs`` gives the images at some of the N positions. What the caller does with each batch counts too.
    """
    (black_CHW,) = predictor.black()
    sides = tuple(black_CHW.shape[1:])
    ordered = sorted(applicable(predictor, explainers).explainers.values(), key=lambda e: e.passes(sides))
    end = time.perf_counter() + seconds
    for number, explainer in enumerate(ordered):
        start = time.perf_counter()
        share = (end - start) / (len(ordered) - number)
        cost = 3 * predictor.seconds_per_image * explainer.passes(sides)  # a guess, then measured
        explained = 0
        while explained < len(target_N):
            remaining = share - (time.perf_counter() - start)
            count = min(BATCH_SIZE, len(target_N) - explained, int(remaining / cost))
            if count < 1:
                break
            positions = list(range(explained, explained + count))
            target_B = target_N[positions]
            yield (
                explainer,
                positions,
                explainer.explain(predictor.net, inputs(positions), target_B, black_CHW),
            )
            explained += count
            cost = (time.perf_counter() - start) / explained
