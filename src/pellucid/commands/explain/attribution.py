"""Attribution maps of a batch, with the verdict on each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from pellucid.explainer.base import NO_MAP, Explanation
from pellucid.explainer.faithfulness import Faithfulness

MAX_ALIKE = 0.5  # rank correlation with the map of other weights, above which the weights hardly matter


@dataclass(frozen=True)
class Attribution:
    """Attribution maps of a batch by one method, and how far some of them can be trusted.

    ``measured``: by the position of an image in the batch, its position in ``trust``.
    """

    maps: Explanation
    measured: Mapping[int, int]
    trust: Faithfulness | None
    likeness_B: Tensor

    def verdict(self, position: int) -> tuple[str, bool | None]:
        """Trust in an image's map in a few words, and whether they speak for it; "" where there is no map."""
        if self.maps.notes[position] == NO_MAP:
            return "", None
        at = self.measured.get(position)
        if at is None or self.trust is None:
            return "trust not measured", None
        if not self.trust.better[at]:
            return "no better than random", False
        if self.likeness_B[at] > MAX_ALIKE:
            return f"alike without training: {self.likeness_B[at]:.2f}", False
        text = f"gain {self.trust.gain[at]:.2f}, random {self.trust.random_gain[:, at].mean():.2f}"
        return text, None if self.maps.notes[position].startswith("✗") else True

    def figures(self, position: int) -> dict[str, float | bool]:
        """Faithfulness measures of an image's map; none where they were not taken, or there is no map."""
        if self.maps.notes[position] == NO_MAP:
            return {"map": False}
        at, trust = self.measured.get(position), self.trust
        if at is None or trust is None:
            return {}
        return {
            "deletion": float(trust.deletion_B[at]),
            "insertion": float(trust.insertion_B[at]),
            "random_deletion": float(trust.random_deletion_RB[:, at].mean()),
            "random_insertion": float(trust.random_insertion_RB[:, at].mean()),
            "better_than_random": bool(trust.better[at]),
            "likeness_to_other_weights": float(self.likeness_B[at]),
        }
