"""What a net's output means.

Axes: B images, K classes, C channels, H × W pixels.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from pellucid.discovery.normalization import OWN_RANGE
from pellucid.discovery.output import FoundOutput, find_output
from pellucid.errors import UserError
from pellucid.inside.images import UNKNOWN
from pellucid.spec import Spec

INPUTS = torch.rand(4, 3, 6, 6, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 2, 2, UNKNOWN])
SCORES = torch.tensor([[2.0, 0, 0], [0, 2, 0], [0, 0, 3], [1, 0, 0]])
NAMES = ("ant", "bee", "cat")


def spec(classes: tuple[str, ...] = NAMES, *, statistics: str = "values in [0, 1]") -> Spec:
    known = statistics != OWN_RANGE
    return Spec((3, 6, 6), classes, (0.0,) * 3 * known, (1.0,) * 3 * known, statistics)


def found(
    output: Any, classes: tuple[str, ...] = NAMES, labels: Tensor = LABELS, **options: Any
) -> FoundOutput:
    return find_output(output, INPUTS, labels, spec(classes), **options)


def predicted(meaning: FoundOutput, output: Any) -> dict[str, Tensor]:
    return dict(meaning.interpret(INPUTS, meaning.read(output), None))


@dataclass
class Output:
    loss: Tensor
    hidden: Tensor
    logits: Tensor


class ModelOutput(OrderedDict[str, Tensor]):
    """As that of transformers: keys are attributes too."""

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        raise AttributeError(name)


@pytest.mark.parametrize(
    "output",
    [
        SCORES,
        (SCORES, torch.rand(4, 128)),
        [SCORES],
        (torch.rand(4, 128), SCORES),  # features first
        (torch.tensor(0.3), SCORES),  # a loss first
        {"logits": SCORES},
        {"loss": torch.tensor(0.3), "features": torch.rand(4, 7), "out": SCORES},
        Output(torch.tensor(0.3), torch.rand(4, 7), SCORES),
        ModelOutput(loss=torch.tensor(0.3), logits=SCORES),
        ModelOutput(hidden=torch.rand(4, 7), logits=SCORES),
        {"output": {"head": SCORES}},
    ],
)
def test_scores_are_found_in_any_form(output: Any) -> None:
    meaning = found(output)
    assert meaning.classes == NAMES
    assert meaning.text == "scores of 3 classes"
    assert torch.equal(meaning.read(output), SCORES)
    values = predicted(meaning, output)
    assert values["predicted"].tolist() == [0, 1, 2, 0]
    torch.testing.assert_close(values["probabilities"], SCORES.softmax(dim=1))
    torch.testing.assert_close(values["confidence"], SCORES.softmax(dim=1).amax(dim=1))


def test_without_names_classes_are_numbered() -> None:
    assert found(SCORES, ()).classes == ("0", "1", "2")


def test_names_alone_are_enough() -> None:
    assert found(SCORES, labels=torch.full((4,), UNKNOWN)).classes == NAMES


@pytest.mark.parametrize("ends", ["softmax", "log_softmax", None])
def test_probabilities_of_whatever_a_net_ends_in(ends: str | None) -> None:
    output = SCORES if ends is None else getattr(SCORES, ends)(dim=1)
    values = predicted(found(output), output)
    torch.testing.assert_close(values["probabilities"], SCORES.softmax(dim=1))


@pytest.mark.parametrize(
    ("output", "classes", "labels"),
    [
        (torch.rand(4, 128), (), LABELS),  # an embedding
        (torch.rand(4, 128), NAMES, LABELS),
        (torch.rand(4, 2), NAMES, LABELS),
        (SCORES, (), torch.full((4,), UNKNOWN)),
        (torch.rand(4, 3, 6, 5), NAMES, LABELS),  # a dense map
        (torch.rand(4, 7, 3), NAMES, LABELS),  # tokens
        (SCORES.long(), NAMES, LABELS),
        (torch.rand(4, 1), NAMES, LABELS),
        (torch.rand(4), (), torch.full((4,), UNKNOWN)),
        ({"a": torch.rand(4, 5), "b": torch.tensor(2.0)}, NAMES, LABELS),
    ],
)
def test_numbers_of_which_nothing_is_known(output: Any, classes: tuple[str, ...], labels: Tensor) -> None:
    meaning = found(output, classes, labels)
    assert meaning.classes == ()
    assert "score=… makes of it a number" in meaning.text
    assert predicted(meaning, output) == {}


@pytest.mark.parametrize("output", [torch.tensor(0.3), None, "text", (), torch.rand(3, 2)])
def test_an_output_that_is_not_of_the_images(output: Any) -> None:
    meaning = found(output)
    assert meaning.text == "nothing that is known"
    assert meaning.read(output).shape == (4, 0)
    assert predicted(meaning, output) == {}


LOGITS = torch.tensor([-1.0, 0.5, 3.0, 0.1])


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
@pytest.mark.parametrize("classes", [(), ("no", "yes")])
@pytest.mark.parametrize("is_probability", [False, True])
def test_one_score_is_of_the_second_of_two_classes(
    shape: tuple[int, ...], classes: tuple[str, ...], is_probability: bool
) -> None:
    output = (LOGITS.sigmoid() if is_probability else LOGITS).reshape(shape)
    meaning = found(output, classes, torch.tensor([0, 1, 1, 0]))
    assert meaning.classes == (classes or ("0", "1"))
    values = predicted(meaning, output)
    torch.testing.assert_close(values["probabilities"][:, 1], LOGITS.sigmoid())
    assert values["predicted"].tolist() == [0, 1, 1, 1]


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
@pytest.mark.parametrize("is_probability", [False, True])
def test_scores_between_0_and_1_are_no_probabilities_unless_a_sigmoid_made_them(
    shape: tuple[int, ...], is_probability: bool
) -> None:
    scores = torch.tensor([0.1, 0.2, 0.3, 0.4], requires_grad=True) * 1
    traced = (scores.sigmoid() if is_probability else scores).reshape(shape)
    output = traced.detach()
    meaning = found(output, (), torch.tensor([0, 1, 1, 0]), traced=traced)
    assert meaning.text.startswith("one probability" if is_probability else "one score")
    torch.testing.assert_close(predicted(meaning, output)["probabilities"][:, 1], scores.detach().sigmoid())


@pytest.mark.parametrize("wrap", [lambda images: images, lambda images: (images, torch.rand(4, 2)), list])
def test_images_again(wrap: Any) -> None:
    output = INPUTS + 0.1
    given = (output,) if wrap is list else wrap(output)
    meaning = found(given)
    assert meaning.text == "images again"
    torch.testing.assert_close(predicted(meaning, given)["mse"], torch.full((4,), 0.01), atol=2e-3, rtol=0.2)


def test_images_again_of_which_the_normalisation_is_not_known() -> None:
    meaning = find_output(INPUTS, INPUTS, LABELS, spec(statistics=OWN_RANGE))
    assert "give mean=… and std=…" in meaning.text
    assert meaning.interpret(INPUTS, INPUTS, None) == {}


@pytest.mark.parametrize(
    ("score", "output"),
    [
        ("anomaly", {"anomaly": SCORES[:, 0], "logits": SCORES}),
        ("loss", Output(SCORES[:, 0], SCORES, SCORES)),
        (lambda output: output["logits"][:, 0], {"logits": SCORES}),
        (lambda output: output[:, :1], SCORES),
    ],
)
def test_a_score_by_its_name_or_a_function(score: Any, output: Any) -> None:
    meaning = found(output, score=score)
    assert torch.equal(predicted(meaning, output)["score"], SCORES[:, 0])
    assert meaning.read(output).shape == (4, 1)
    assert meaning.classes == ()


@pytest.mark.parametrize(
    ("score", "said"),
    [
        ("anomaly", "score=anomaly: KeyError: 'anomaly', of dict"),
        (lambda output: output["logits"], "expected a number for each of 4 images, got 12"),
        (lambda output: output["logits"].mean(), "expected a number for each of 4 images, got 1"),
        (lambda output: 1 / 0, "score=…: ZeroDivisionError"),
    ],
)
def test_a_score_that_the_output_does_not_give_is_told(score: Any, said: str) -> None:
    with pytest.raises(UserError, match=said):
        found({"logits": SCORES}, score=score)


def test_scores_of_other_classes_are_told_with_the_remedy() -> None:
    told = found(torch.rand(4, 9), NAMES, LABELS).text
    assert told.startswith(f"B × 9, no scores of {len(NAMES)} classes: classes=[…] names one for each")
