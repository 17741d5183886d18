"""What a net's layers give, copied while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from torch import Tensor, nn

from pellucid.errors import UserError, did_you_mean

Layers = Literal["auto"] | Sequence[str]
LISTED = 12  # layers of a net, where none is near


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


def find_layers(net: nn.Module, names: Sequence[str]) -> dict[str, nn.Module]:
    """Layers by their ``named_modules`` names. Raises UserError for an unknown one, with the nearest."""
    known = dict(net.named_modules())
    for name in names:
        if not name or name not in known:
            raise UserError(f"{type(net).__name__} has no layer named '{name}'.{near(name, known)}")
    return {name: known[name] for name in names}


def near(name: str, known: Iterable[str]) -> str:
    """`` Did you mean x or y?``, or the first of those known where nothing is near."""
    names = [one for one in known if one]  # the net itself has none
    listed = f" It has {', '.join(names[:LISTED])}{', …' if len(names) > LISTED else ''}."
    return did_you_mean(name, names, most=3, cutoff=0.3, quote="") or listed


def convolutions(net: nn.Module) -> list[str]:
    """Names of the two-dimensional convolutions, in the order in which the net defines them."""
    return [name for name, module in net.named_modules() if isinstance(module, nn.Conv2d)]


def choose_layers(net: nn.Module, layers: Layers, image_1CHW: Tensor | None = None) -> list[str]:
    """``auto``: the first, middle and last convolution (fewer where there are fewer); or those named.

    With an image, auto passes over convolutions that give it maps of a single pixel, unless all do.
    Raises UserError for an unknown name.
    """
    if isinstance(layers, list | tuple):
        if not layers:
            raise UserError(
                "layers=[] names none: expected auto or names. To leave the view out: ~callbacks.…"
            )
        return list(find_layers(net, [str(name) for name in layers]))  # [0]: a number on the line
    if layers != "auto":
        raise UserError(f"layers={layers}: expected auto or a list of names, e.g. layers=[features.0].")
    found = convolutions(net)
    if image_1CHW is not None and found:
        with captured(net, found) as outputs:
            net(image_1CHW)
        found = [n for n in found if n in outputs and outputs[n].shape[2:].numel() > 1] or found
    places = sorted({0, (len(found) - 1) // 2, len(found) - 1}) if found else []
    return [found[place] for place in places]


def units_last(module: nn.Module) -> bool:
    """Whether a layer's units are the last axis of its output, as of a linear layer; else they are axis 1."""
    rows = isinstance(module, nn.LayerNorm) and len(module.normalized_shape) == 1
    return rows or isinstance(module, nn.Linear)
