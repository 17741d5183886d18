"""Scores in tuples, mappings and dataclasses: which are meant, and that all who call the net get them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torchvision import models

from pellucid.errors import UserError
from pellucid.task.classification import Classification
from pellucid.task.heads import find_heads, main_index
from tests.task.nets import classification
from tests.task.outputs import FORMS, Formed, ModelOutput

A, B, WIDE = torch.zeros(2, 3), torch.ones(2, 3), torch.zeros(2, 5)


class Two(NamedTuple):
    aux: Tensor
    logits: Tensor


@dataclass
class Plain:
    features: Tensor
    scores: Tensor


@pytest.mark.parametrize(
    ("output", "heads", "index"),
    [
        ((A, B), [A, B], 0),
        ([WIDE, None, A, B], [A, B], 1),
        ({"features": A, "logits": B}, [B], 0),
        ({"aux_logits": A, "logits": B, "pooled": A}, [B, A], 0),
        ({"aux": A, "out": B}, [B, A], 0),
        ({"one": A, "two": B}, [A, B], 0),
        ({"inner": {"logits": B}}, [B], 0),
        (Two(aux=A, logits=B), [B, A], 0),
        (Plain(features=WIDE, scores=B), [B], 1),
        (ModelOutput(loss=None, logits=B, hidden_states=(A, WIDE)), [B], 0),
        ((WIDE,), [], None),
        ("text", [], None),
    ],
)
def test_which_are_the_heads(output: Any, heads: list[Tensor], index: int | None) -> None:
    found = find_heads(output, (2, 3))
    assert [id(value) for value in found] == [id(value) for value in heads]
    if index is not None:
        assert main_index(output, (2, 3)) == index


@pytest.mark.parametrize("form", FORMS)
def test_all_who_call_the_net_get_its_scores_in_evaluation_mode(form: str) -> None:
    torch.manual_seed(0)
    net = Formed(image_shape=(1, 2, 2), num_classes=2, form=form)
    images, labels = torch.randn(4, 1, 2, 2), torch.tensor([0, 1, 1, 0])
    raw = net(images)
    task = classification(net)
    net.train()
    assert isinstance(net(images), type(raw)), "training is the net's own"
    assert torch.equal(task._step((images, labels), "train")[1], task.read(raw))
    net.eval()
    assert torch.equal(net(images), task.read(raw))
    assert torch.equal(task._step((images, labels), "val")[1], task.read(raw))
    assert torch.equal(task.predict_step((images, labels), 0)["predicted"], task.read(raw).argmax(dim=1))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "size"),
    [(models.googlenet, 64), (models.inception_v3, 299)],
    ids=["googlenet", "inception_v3"],
)
def test_auxiliary_heads_of_torchvision(make: Callable[..., nn.Module], size: int) -> None:
    net = make(num_classes=2, init_weights=False)
    task = Classification(net=net, image_shape=(3, size, size), num_classes=2)
    task.train()
    output = net(torch.randn(2, 3, size, size))
    heads = find_heads(output, (2, 2))
    assert len(heads) == (3 if make is models.googlenet else 2)
    assert heads[0] is output.logits
    loss = task._step((torch.randn(2, 3, size, size), torch.tensor([0, 1])), "train")[0]
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.isfinite()
    assert all(p.grad is not None for name, p in net.named_parameters() if name.lower().startswith("aux"))


def test_a_net_without_such_scores_is_told_what_it_gives() -> None:
    class Odd(Formed):
        def forward(self, images_BCHW: Tensor) -> Any:
            return OrderedDict(features=self.body(images_BCHW.flatten(1)).pooled)

    message = r"shape \(2, 2\) for two images; Odd gives a OrderedDict of \(2, 6\) in evaluation mode"
    with pytest.raises(UserError, match=message):
        classification(Odd(image_shape=(1, 2, 2), num_classes=2))
