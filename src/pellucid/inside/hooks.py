"""What a net's layers give, copied while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from torch import Tensor, nn

from pellucid.inside.layers import find_layers

Layer = TypeVar("Layer", bound=nn.Module)


@contextmanager
def captured(net: nn.Module, names: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """Outputs of those layers in the forward passes within, each as the layer itself gave it.

    Copied at once, as a ReLU behind the layer may change them in place. Of a layer that runs several times,
    the last run. No hook is left, also after an exception. Raises UserError for an unknown layer.
    """
    outputs: dict[str, Tensor] = {}

    def keep(name: str, output: Tensor) -> None:
        outputs[name] = output.detach().clone()

    with watched(find_layers(net, names), keep):
        yield outputs


@contextmanager
def watched(layers: Mapping[str, nn.Module], see: Callable[[str, Tensor], None]) -> Iterator[None]:
    """Call ``see`` with the name and output of each of the layers that gives a tensor, as it runs.

    No hook is left, also after an exception.
    """

    def watcher(name: str) -> Any:
        def watch(module: nn.Module, inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor):
                see(name, output)

        return watch

    handles = [layer.register_forward_hook(watcher(name)) for name, layer in layers.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def inputs_watched(layers: Iterable[Layer], see: Callable[[Layer, Tensor], None]) -> Iterator[None]:
    """Call ``see`` with each of the layers that takes a tensor, and with that tensor, before it runs.

    No hook is left, also after an exception.
    """

    def watch(layer: Any, inputs: Any) -> None:
        if inputs and isinstance(inputs[0], Tensor):
            see(layer, inputs[0])

    handles = [layer.register_forward_pre_hook(watch) for layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
