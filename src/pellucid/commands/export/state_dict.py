"""Exported state dict of a net, by the names of the library that it is of: torch's file, or safetensors."""

from __future__ import annotations

import copy
import importlib.util
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.commands.export.exported import Exported, json_of
from pellucid.commands.export.usage import reading, use_of_library, use_of_temperature
from pellucid.commands.export.verify import Agreement
from pellucid.config.build import build, locate, taken
from pellucid.engine.build import come_back, options_since
from pellucid.engine.loaded_run import LoadedRun
from pellucid.errors import UserError
from pellucid.model.transfer import LibraryNet, TransferClassifier


@dataclass(frozen=True)
class _Form:
    """State dict, and the net that takes it: the library's own, or the run's ``target``."""

    state: dict[str, Any]
    library: LibraryNet
    target: bool


class StateDict(Exported):
    """State dict, with the class or function that builds the net which takes it, and its arguments."""

    by = "a net built anew from it"

    def __init__(self, run: LoadedRun, path: Path, *, temperature: float | None = None) -> None:
        super().__init__(run, temperature)
        self.path, self.form = path, _form_of(run)
        self.use = [*use_of_library(path, self.form.library), *use_of_temperature(temperature)]
        self.facts = self._facts()
        self.content = self._written()
        self.load_predictor()
        self.fresh = self._built_anew().to(self.predictor.device)

    def _facts(self) -> dict[str, Any]:
        library, spec = self.form.library, self.run.spec
        facts = {
            **self.facts_of_run(),
            "builder": library.builder,
            "arguments": dict(library.arguments),
            "changes": {name: f"torch.nn.{layer}" for name, layer in library.changes.items()},
            "input_range": "(value / 255 - mean) / std, value from 0 to 255",
            "reading": reading(spec, inside=False),
            "use": [
                *use_of_library(Path(self.path.name), library),
                *use_of_temperature(self.temperature),
            ],
        }
        if library.changes:
            facts["differs"] = (
                f"{library.builder} takes these weights once its layers {', '.join(library.changes)} are "
                "replaced, as the lines of use do"
            )
        if library.channels and library.channels != spec.image_shape[0]:
            facts["channels"] = f"images are repeated into {library.channels} channels, after normalisation"
        return facts

    def _written(self) -> bytes:
        state = {name: _on_cpu(value) for name, value in self.form.state.items()}
        if self.path.suffix == ".safetensors":
            return _safetensors(state, self.facts)
        content = io.BytesIO()
        kept = copy.copy(self.form.state)  # with its versions, which a few nets ask for
        kept.update(state)
        torch.save(kept, content)
        return content.getvalue()

    def _built_anew(self) -> nn.Module:
        """The net of the file, from what is in it and in the facts alone."""
        library = self.form.library
        if self.form.target:
            node = {"_target_": library.builder, **library.arguments}
            fresh: nn.Module = build(node, "model", packages=self.run.config["packages"])
        else:
            fresh = library.build()
        if self.path.suffix == ".safetensors":
            from safetensors.torch import load

            fresh.load_state_dict(load(self.content))
        else:
            fresh.load_state_dict(torch.load(io.BytesIO(self.content), weights_only=True))
        return fresh.eval()

    @torch.no_grad()
    def outputs(self, pixels_BCHW: Tensor) -> Sequence[Tensor]:
        images_BCHW = self.predictor.inputs(pixels_BCHW)
        if channels := self.form.library.channels:
            images_BCHW = images_BCHW.expand(-1, channels, -1, -1)
        with self.predictor.precision():
            return [self.run.task.read(self.fresh(images_BCHW)).cpu()]

    def net_outputs(self, pixels_BCHW: Tensor) -> Sequence[Tensor]:
        return [self.predictor.run(self.predictor.inputs(pixels_BCHW)).cpu()]

    def check(self, agreement: Agreement, images: str) -> None:
        # The same class computes the same to the bit; a library's may sum in another order.
        if not agreement.holds or (self.form.target and any(agreement.differences)):
            raise UserError(
                f"A {self.form.library.builder} built anew with these weights differs from the run's net by "
                f"{max(agreement.differences):.2g} on {images}: it keeps something that its state dict does "
                "not hold. Nothing was written."
            )

    def contents(self, agreement: Agreement, images: str) -> dict[Path, bytes]:
        facts = {"file": self.path.name, **self.facts, "checked": {"by": self.by, "on": images}}
        return {self.path: self.content, self.path.with_name(f"{self.path.name}.json"): json_of(facts)}


def check_packages(format: str) -> None:
    """Raise UserError where what the format needs is not installed."""
    if format == "safetensors" and importlib.util.find_spec("safetensors") is None:
        raise UserError(
            "format=safetensors needs safetensors, which is not installed. Install it by "
            "pip install 'pellucid[export]', or use format=state_dict, which needs no more."
        )


def _form_of(run: LoadedRun) -> _Form:
    """By the library's names, where its own net takes them; else by those of the run's class or function."""
    net = run.net
    if isinstance(net, TransferClassifier):
        library, state = net.library(), net.library_state()
        try:
            library.build().load_state_dict(state)
        except (RuntimeError, ValueError, TypeError):  # a few nets of timm have no last layer of their own
            pass
        else:
            return _Form(state, library, target=False)
    return _Form(net.state_dict(), LibraryNet(*_built_by(run), ()), target=True)


def _built_by(run: LoadedRun) -> tuple[str, dict[str, Any]]:
    """The net's class or function and every argument that it was restored with."""
    packages = run.config["packages"]
    arguments = {**come_back(run.config)["model"]}
    target = str(arguments.pop("_target_"))
    shape, classes = run.spec.image_shape, len(run.spec.classes)
    since = options_since(run.config["model"], "model", packages)
    offered = {**since, "image_shape": shape, "num_classes": classes}
    return target, {**taken(locate(target, "model", packages), offered), **arguments}


def _safetensors(state: Mapping[str, Any], facts: Mapping[str, Any]) -> bytes:
    from safetensors.torch import save

    if odd := [name for name, value in state.items() if not isinstance(value, Tensor)]:
        raise UserError(
            f"format=safetensors holds tensors alone, and {', '.join(odd[:5])} is none. format=state_dict "
            "works."
        )
    alone = {name: value.contiguous().clone() for name, value in state.items()}  # of shared ones copies
    return save(alone, {"format": "pt", "about": json.dumps(facts, ensure_ascii=False)})


def _on_cpu(value: Any) -> Any:
    """A tensor; the extra state of a module may be anything plain, and stays as it is."""
    return value.detach().cpu() if isinstance(value, Tensor) else value
