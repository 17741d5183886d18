"""What was found of images that were explained, and what their files are called."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from pellucid.explainer.base import NO_MAP, Explanation
from pellucid.explainer.faithfulness import Faithfulness

LONGEST = 160  # bytes of a file's name, so that a layer's can follow
ALIKE = 0.5  # rank correlation with the map of other weights, above which the weights hardly matter


class Named:
    """The files of a command, as they are shown and as what is written of them is called."""

    def __init__(self, files: Sequence[Path], base: Path) -> None:
        self.base = base
        taken: set[str] = set()
        self.pieces: dict[Path, str] = {}  # the path from the base in one piece, another for each file
        for file in files:
            whole = "_".join(Path(self.shown(file)).parts)
            end = os.fsencode(whole)[-LONGEST:].decode(errors="ignore")
            name = first = whole if len(os.fsencode(whole)) <= LONGEST else end
            number = 1
            while name in taken:
                number += 1
                name = f"{first}_{number}"
            taken.add(name)
            self.pieces[file] = name

    def shown(self, file: Path) -> str:
        """Its path from the base."""
        return os.path.relpath(file, self.base)


@dataclass(frozen=True)
class Explained:
    """A batch's maps by one method, what is noted of each, and how far to trust some of them.

    ``places`` has the places of those some in ``trust``, by their places in the batch.
    """

    found: Explanation
    places: Mapping[int, int]
    trust: Faithfulness | None
    likeness_B: Tensor

    def verdict(self, place: int) -> tuple[str, bool | None]:
        """In a few words, and whether they speak for the map; none of a map that there is not."""
        if self.found.notes[place] == NO_MAP:
            return "", None
        at = self.places.get(place)
        if at is None or self.trust is None:
            return "trust not measured", None
        if not self.trust.better[at]:
            return "no better than random", False
        if self.likeness_B[at] > ALIKE:
            return f"alike without training: {self.likeness_B[at]:.2f}", False
        told = f"gain {self.trust.gain[at]:.2f}, random {self.trust.random_gain[:, at].mean():.2f}"
        return told, None if self.found.notes[place].startswith("✗") else True

    def figures(self, place: int) -> dict[str, float | bool]:
        """What was measured of an image's map; nothing where it was not, or there is no map."""
        if self.found.notes[place] == NO_MAP:
            return {"map": False}
        at, trust = self.places.get(place), self.trust
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


def folder_of(file: Path) -> str:
    """The name of the folder that a file lies in."""
    return file.absolute().parent.name
