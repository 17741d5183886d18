"""The net in a module that somebody wrote: what is called with images."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from pellucid.errors import UserError
from pellucid.inside.layers import near
from pellucid.inside.preserve_state import unwrap_compiled

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


def candidates(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """What may be the net, with its name: the module itself where it says how it runs, or its one child that
    is a net.
    """
    if _runs(module):
        yield "", unwrap_compiled(module)
    children = [(name, child) for name, child in module.named_children() if _is_net(child)]
    if len(children) == 1:
        ((name, child),) = children
        yield name, unwrap_compiled(child)


def _runs(module: nn.Module) -> bool:
    """Whether it has a forward of its own, not that of the bases of all modules."""
    forward = type(module).forward
    return getattr(forward, "__qualname__", "") not in ("_forward_unimplemented", "LightningModule.forward")


def _is_net(module: nn.Module) -> bool:
    own = type(module).__module__
    return not own.startswith(NO_NETS) and any(True for _ in module.parameters())
