"""A net whose scores stand in each of the forms that people give them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, fields
from typing import Any

from torch import Tensor, nn

FORMS = ("dataclass", "model_output", "dict", "tuple")


@dataclass
class Output:
    features: Tensor
    logits: Tensor


class ModelOutput(OrderedDict[str, Any]):
    """As transformers' outputs: a mapping of what is not None, whose parts are attributes too."""

    def __init__(self, **parts: Any) -> None:
        super().__init__({name: value for name, value in parts.items() if value is not None})

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        raise AttributeError(name)


@dataclass
class ImageOutput(OrderedDict[str, Any]):
    """As transformers has it, a dataclass that is a mapping at once."""

    loss: Tensor | None = None
    logits: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            if (value := getattr(self, field.name)) is not None:
                self[field.name] = value


class Body(nn.Module):
    """Gives an output of several parts itself, within the net."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear, self.relu = nn.Linear(width, 6), nn.ReLU()

    def forward(self, images_BD: Tensor) -> ModelOutput:
        hidden_BD = self.relu(self.linear(images_BD))
        return ModelOutput(last=None, pooled=hidden_BD)


class Formed(nn.Module):
    def __init__(
        self, image_shape: tuple[int, int, int], num_classes: int, form: str = "model_output"
    ) -> None:
        super().__init__()
        channels, height, width = image_shape
        self.body, self.classifier = Body(channels * height * width), nn.Linear(6, num_classes)
        self.form = form

    def forward(self, images_BCHW: Tensor) -> Any:
        features_BD = self.body(images_BCHW.flatten(1)).pooled
        logits_BK = self.classifier(features_BD)
        if self.form == "dataclass":
            return Output(features=features_BD, logits=logits_BK)
        if self.form == "dict":
            return {"features": features_BD, "logits": logits_BK}
        if self.form == "tuple":
            return logits_BK, features_BD
        return ImageOutput(logits=logits_BK, hidden_states=(features_BD,))


def formed(image_shape: tuple[int, int, int], num_classes: int, form: str = "model_output") -> nn.Module:
    return Formed(image_shape, num_classes, form)
