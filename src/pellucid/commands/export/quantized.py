"""Exported ONNX model in 8 bits, by onnxruntime's quantizer, with what that costs in accuracy.

Static quantization finds each activation's range on training images; dynamic finds it anew for every batch,
and quantizes weights alone beforehand. Which is nearer to the net on validation images is taken.

Axes: B images, C channels, H × W pixels.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric

from pellucid.commands.export.exported import Onnx
from pellucid.commands.export.finish import Finish
from pellucid.commands.export.onnx_file import describe, quiet
from pellucid.commands.export.onnx_session import Session, reason
from pellucid.commands.export.usage import use_of_onnx
from pellucid.commands.export.verify import BATCH_SIZE, Agreement, batches_of_split
from pellucid.data.base import ImageData
from pellucid.engine.loaded_run import LoadedRun
from pellucid.errors import UserError, counted, first_line
from pellucid.system.console import console
from pellucid.task.metric import R2, MeanAveragePrecision

CALIBRATION_IMAGES = 256
COMPARED_IMAGES = 512  # of validation, by which static or dynamic is chosen
MAX_TEST_IMAGES = 5000  # on which the loss is measured
NOTABLE = 0.01  # of accuracy lost: that is warned of


class Quantized(Onnx):
    """ONNX model with weights and arithmetic of 8 bits where onnxruntime has it, and its loss of accuracy."""

    def __init__(
        self,
        run: LoadedRun,
        path: Path,
        *,
        inside: bool,
        opset: int | None,
        temperature: float | None = None,
    ) -> None:
        super().__init__(run, path, inside=inside, opset=opset, temperature=temperature)
        self.full = self.session
        data = _data_of(run)
        calibrating = list(self._inputs(data, "train", CALIBRATION_IMAGES))
        candidates = {"static": _static(self.content, calibrating), "dynamic": _dynamic(self.content)}
        sessions = {
            name: Session(content, self.graph.name)
            for name, content in candidates.items()
            if not isinstance(content, Exception)
        }
        if not sessions:
            raise UserError(
                f"{self.graph.name} cannot be quantized: {reason(next(iter(candidates.values())))}. "  # type: ignore[arg-type]
                "format=onnx works."
            )
        comparing = list(self._inputs(data, "val", COMPARED_IMAGES))
        self.method = min(sessions, key=lambda name: self._distance(sessions[name], comparing))
        self.session = sessions[self.method]
        self.by += f", {self.method} INT8"
        count = sum(map(len, calibrating))
        on = f"{counted(count, 'training image')} of {data.source}" if self.method == "static" else None
        self.quality = self._quality(data)
        self.facts["quantization"] = {"method": self.method, "calibrated_on": on, **self.quality}
        content = candidates[self.method]
        assert isinstance(content, bytes)
        self.content = _described(content, self.facts)
        self.use = use_of_onnx(str(path), self.graph, run.spec)

    @property
    def redraws(self) -> bool:
        """Whether the net gives its images again."""
        return not self.classifies and self.last is None

    @property
    def told(self) -> str:
        """How the file was made and what that costs, in a sentence."""
        before, after = self.quality["float32"], self.quality["int8"]
        images, other = counted(self.quality["images"], "test image"), self.quality.get("other_class")
        cost = (
            f" ({100 * (after - before):+.2f} points; {other} get another class)" if self.classifies else ""
        )
        return (
            f"INT8 by {self.method} quantization. {_capital(self.quality['measure'])} on {images}: "
            f"{before:.4f} in float32, {after:.4f} in INT8{cost}."
        )

    @property
    def is_worse(self) -> bool:
        """Whether notable accuracy, mAP or R² is lost, or a tenth added to the error of redrawing."""
        before, after = self.quality["float32"], self.quality["int8"]
        return bool(after > 1.1 * before if self.redraws else before - after >= NOTABLE)

    def check(self, agreement: Agreement, images: str) -> None:
        if not all(np.isfinite(agreement.differences)):
            raise UserError(
                f"The INT8 model gives values that are not finite on {images}. Nothing was written. "
                "format=onnx works."
            )

    def _inputs(self, data: ImageData, split: str, most: int) -> Iterator[Tensor]:
        """Images as the graph takes them, on the CPU."""
        for pixels_BCHW, _ in batches_of_split(self.run, data, split, most):
            yield self._taken(pixels_BCHW)

    def _taken(self, pixels_BCHW: Tensor) -> Tensor:
        return pixels_BCHW if self.graph.inside else self.run.spec.normalise(pixels_BCHW)

    def _distance(self, session: Session, batches: Sequence[Tensor]) -> float:
        """Mean difference of what is last given: probabilities, numbers in units of their deviation, or the
        images drawn again.
        """
        total, units = 0.0, torch.tensor((self.last.facts if self.last else {}).get("target_std", 1.0))
        for images_BCHW in batches:
            difference = session.run(images_BCHW)[-1] - self.full.run(images_BCHW)[-1]
            total += float((difference / units).abs().mean()) * len(images_BCHW)
        return total

    def _quality(self, data: ImageData) -> dict[str, Any]:
        """Accuracy, mAP, R² or mean squared error of both models on test images."""
        if self.last is not None:
            return self._quality_of(self.last, data)
        count = other = 0
        sums = {"float32": 0.0, "int8": 0.0}
        split = data.splits["test"]
        steps = -(-min(len(split), MAX_TEST_IMAGES) // BATCH_SIZE)
        batches = batches_of_split(self.run, data, "test", MAX_TEST_IMAGES)
        for pixels_BCHW, labels_B in console.track(batches, "Measuring", steps):
            images_BCHW = self._taken(pixels_BCHW)
            outputs = {"float32": self.full.run(images_BCHW), "int8": self.session.run(images_BCHW)}
            count += len(labels_B)
            if self.classifies:
                classes = {name: output[0].argmax(dim=1) for name, output in outputs.items()}
                other += int((classes["float32"] != classes["int8"]).sum())
                for name, predicted_B in classes.items():
                    sums[name] += int((predicted_B == labels_B).sum())
            else:
                for name, output in outputs.items():
                    error_B = (output[0] - pixels_BCHW / 255).square().flatten(1).mean(dim=1)
                    sums[name] += float(error_B.sum())
        values = {name: value / count for name, value in sums.items()}
        more = {"other_class": other} if self.classifies else {}
        return {
            "measure": "accuracy" if self.classifies else "squared error",
            "images": count,
            **values,
            **more,
        }

    def _quality_of(self, last: Finish, data: ImageData) -> dict[str, Any]:
        """By what a task of several labels or numbers gives last."""
        labels = last.task == "multilabel"
        measure, kind = ("mean average precision", MeanAveragePrecision) if labels else ("R²", R2)
        metrics: dict[str, Metric] = {"float32": kind(), "int8": kind()}
        count = 0
        for pixels_BCHW, targets_BK in batches_of_split(self.run, data, "test", MAX_TEST_IMAGES):
            images_BCHW = self._taken(pixels_BCHW)
            count += len(targets_BK)
            for name, session in (("float32", self.full), ("int8", self.session)):
                metrics[name].update(session.run(images_BCHW)[-1].double(), targets_BK.double())
        values = {name: float(metric.compute()) for name, metric in metrics.items()}
        return {"measure": measure, "images": count, **values}


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _data_of(run: LoadedRun) -> ImageData:
    try:
        data = run.data()
    except UserError as error:
        raise UserError(
            "format=onnx_int8 is calibrated on the run's training images, which cannot be read: "
            f"{first_line(error).rstrip('.')}. format=onnx works."
        ) from error
    if empty := [name for name in ("train", "val", "test") if not len(data.splits[name])]:
        raise UserError(f"format=onnx_int8: there are no images of {', '.join(empty)}. format=onnx works.")
    return data


def _static(model: bytes, batches: Sequence[Tensor]) -> bytes | Exception:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """The batches, one after the other, by the name of the model's input."""

        def __init__(self, name: str) -> None:
            self.batches = ({name: images_BCHW.numpy()} for images_BCHW in batches)

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self.batches, None)

    def quantize(source: Path, target: Path, name: str) -> None:
        options = {"quant_format": QuantFormat.QDQ, "per_channel": True}
        types = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8}
        quantize_static(source, target, Reader(name), **options, **types)

    return _quantized(model, quantize)


def _dynamic(model: bytes) -> bytes | Exception:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    def quantize(source: Path, target: Path, name: str) -> None:
        quantize_dynamic(source, target, weight_type=QuantType.QUInt8)

    return _quantized(model, quantize)


def _quantized(model: bytes, quantize: Any) -> bytes | Exception:
    """The model in 8 bits, its batch norms folded before; or why there is none."""
    import onnx
    from onnxruntime.quantization.shape_inference import quant_pre_process

    (taken,) = onnx.load_from_string(model).graph.input
    with tempfile.TemporaryDirectory() as folder:
        source, ready, target = (Path(folder) / name for name in ("source", "ready", "target"))
        source.write_bytes(model)
        try:
            with quiet():
                quant_pre_process(source, ready, skip_symbolic_shape=True)
                quantize(ready, target, taken.name)
            return target.read_bytes()
        except Exception as error:  # onnxruntime's kinds have no base of their own
            return error


def _described(model: bytes, facts: dict[str, Any]) -> bytes:
    """The model with the facts as its metadata, which the quantizer does not keep."""
    import onnx

    loaded = onnx.load_from_string(model)
    del loaded.metadata_props[:]
    describe(loaded, facts)
    return bytes(loaded.SerializeToString())
