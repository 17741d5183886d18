"""How an image flows through a net: its parts down to some depth, and which takes what which others give.

Found as the net runs, so that it holds for any net that does, whatever its ``forward`` is written in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from pellucid.inside.preserve_state import preserve_state

Key = tuple[str, int]  # a part by its name, and which of its runs
# What gives the same numbers in another shape is no part of its own, unless a layer does it.
RESHAPING = {
    *("view", "_unsafe_view", "reshape", "_reshape_alias", "alias", "detach", "clone", "_to_copy", "t"),
    *("transpose", "permute", "expand", "squeeze", "unsqueeze", "slice", "select", "contiguous", "unbind"),
    *("split", "split_with_sizes", "chunk", "unflatten", "as_strided", "copy"),
}


@dataclass
class Part:
    """A layer, or an operation that is in no layer. ``output``: its shape for one image, None for what is no
    tensor; ``sources``: the indices of the parts whose output it takes, none of those that take the image.
    """

    name: str
    kind: str
    output: tuple[int, ...] | None
    parameters: int
    sources: list[int] = field(default_factory=list)


def trace_dataflow(net: nn.Module, image_shape: tuple[int, int, int], depth: int) -> list[Part]:
    """The parts of a net down to ``depth`` levels in the order in which they run, on a black image.

    The net is left as it was. Raises what the net raises where it does not run.
    """
    like = next((p for p in net.parameters() if p.is_floating_point()), torch.empty(0))
    with preserve_state(net) as plain, torch.no_grad():
        image_1CHW = torch.zeros(1, *image_shape, device=like.device, dtype=like.dtype)
        recorder = _Recorder(plain, image_1CHW, depth)
        with recorder.listening(), recorder:
            plain(image_1CHW)
    return list(recorder.parts.values())


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Follows tensors from the image on. ``makers``: the part that each was given by, None for the image."""

    def __init__(self, net: nn.Module, image_1CHW: Tensor, depth: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.modules = {
            name: module
            for name, module in net.named_modules()
            if name and name.count(".") < depth
        }  # fmt: skip
        self.parts: dict[Key, Part] = {}
        self.makers: dict[int, Key | None] = {id(image_1CHW): None}
        self._indices: dict[Key, int] = {}
        self._alive: list[Any] = [image_1CHW]  # so that no tensor takes the identity of another
        self._running: list[Key] = []
        self._runs: dict[str, int] = {}

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear within which layers run."""
        handles = []
        for name, module in self.modules.items():
            handles.append(module.register_forward_pre_hook(self._entering(name)))
            handles.append(module.register_forward_hook(self._leaving(name)))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        sources = self._sources((args, kwargs))
        if sources:
            operation = str(func).split(".")[1].strip("_")
            key = self._part(operation, sources, output)
            for tensor in _tensors(output):
                self.makers[id(tensor)] = key
            self._alive.append(output)
        return output

    def _part(self, operation: str, sources: list[Key | None], output: Any) -> Key | None:
        """The part that an operation belongs to: the layer that runs where that is not looked into."""
        name = self._running[-1][0] if self._running else ""
        if name and not self._is_open(name):
            key = self._running[-1]
            self._note(key, type(self.modules[name]).__name__, sources, _count(self.modules[name]))
        elif operation in RESHAPING:
            return sources[0]
        else:
            name = f"{name}.{operation}" if name else operation
            key = self._next(name)
            self._note(key, operation, sources, 0)
        shape = next((tuple(tensor.shape[1:]) for tensor in _tensors(output)), None)
        self.parts[key].output = shape
        return key

    def _is_open(self, name: str) -> bool:
        """Whether a layer's own layers are parts."""
        return any(other.startswith(f"{name}.") for other in self.modules)

    def _note(self, key: Key, kind: str, sources: list[Key | None], parameters: int) -> None:
        if key not in self.parts:
            self._indices[key] = len(self.parts)
            self.parts[key] = Part(key[0], kind, None, parameters)
        part = self.parts[key]
        for source in sources:
            if source is not None and source != key and self._indices[source] not in part.sources:
                part.sources.append(self._indices[source])

    def _next(self, name: str) -> Key:
        self._runs[name] = self._runs.get(name, 0) + 1
        return name, self._runs[name]

    def _sources(self, values: Any) -> list[Key | None]:
        found = [self.makers[id(t)] for t in _tensors(values) if id(t) in self.makers]
        return list(dict.fromkeys(found))

    def _entering(self, name: str) -> Any:
        def enter(module: nn.Module, inputs: Any) -> None:
            self._running.append(self._next(name))

        return enter

    def _leaving(self, name: str) -> Any:
        def leave(module: nn.Module, inputs: Any, output: Any) -> None:
            key = self._running.pop()
            sources = self._sources(inputs)
            if self._is_open(name) or not sources:
                return
            if key not in self.parts:  # as dropout while testing, or what gives another shape
                self._note(key, type(module).__name__, sources, _count(module))
            given = _tensors(output)
            self.parts[key].output = tuple(given[0].shape[1:]) if given else None
            for tensor in given:
                self.makers[id(tensor)] = key
            self._alive.append(output)

        return leave


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _tensors(value: Any) -> list[Tensor]:
    """Those in a value, through lists, tuples and mappings."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [tensor for each in value for tensor in _tensors(each)]
    return []
