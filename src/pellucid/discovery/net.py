"""The net in a module that somebody wrote: what is called with images."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from pellucid.errors import UserError
from pellucid.inside.layers import near

NO_NETS = ("torchmetrics", "torch.nn.modules.loss")  # modules that are trained with a net, but none


def named_net(module: nn.Module, name: str) -> nn.Module:
    """The submodule of that name. Raises UserError where there is none."""
    modules = dict(module.named_modules())
    if not name or name not in modules:
        raise UserError(
            f"net={name}: {type(module).__name__} has no module of that name.{near(name, modules)}"
        )
    net: nn.Module = modules[name]
    return net


def candidates(module: nn.Module, pinned: str | nn.Module | None = None) -> Iterator[tuple[str, nn.Module]]:
    """What may be the net, with its name, as the module calls it: what is pinned; else the module itself
    where it says how it runs, and its one child that is a net. Raises UserError for a name that there is not.
    """
    if isinstance(pinned, nn.Module):
        yield "net=…", pinned
        return
    if pinned is not None:
        yield pinned, named_net(module, pinned)
        return
    if _runs(module):
        yield "", module
    children = [(name, child) for name, child in module.named_children() if _is_net(child)]
    if len(children) == 1:
        yield children[0]


def _runs(module: nn.Module) -> bool:
    """Whether it has a forward of its own, not that of the bases of all modules."""
    forward = type(module).forward
    return getattr(forward, "__qualname__", "") not in ("_forward_unimplemented", "LightningModule.forward")


def _is_net(module: nn.Module) -> bool:
    own = type(module).__module__
    return not own.startswith(NO_NETS) and any(True for _ in module.parameters())
