"""An ONNX model as onnxruntime computes it, and what is said of a net that has none."""

from __future__ import annotations

from textwrap import shorten

import torch
from torch import Tensor

from pellucid.errors import UserError, first_line

SILENT = 4  # onnxruntime's level of the log


class Session:
    """An ONNX model as onnxruntime computes it on the CPU. Raises UserError where it does not.

    ``name`` of the net, for what is said then.
    """

    def __init__(self, content: bytes, name: str) -> None:
        import onnxruntime

        self.name, self.version = name, onnxruntime.__version__
        options = onnxruntime.SessionOptions()
        options.log_severity_level = SILENT
        try:
            self.session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its kinds have no base of their own
            raise refused(name, f"onnxruntime {self.version} does not take it: {reason(error)}") from error

    def run(self, images_BCHW: Tensor) -> list[Tensor]:
        """What the model gives, in the order of its outputs."""
        name = self.session.get_inputs()[0].name
        try:
            outputs = self.session.run(None, {name: images_BCHW.cpu().numpy()})
        except Exception as error:
            why = f"onnxruntime {self.version} fails on a batch of {len(images_BCHW)}: {reason(error)}"
            raise refused(self.name, why) from error
        return [torch.from_numpy(array) for array in outputs]


def reason(error: BaseException) -> str:
    """What went wrong at the bottom, in a line, of moderate length."""
    while error.__cause__ is not None:
        error = error.__cause__
    return shorten(first_line(error), 400, placeholder=" …").rstrip(".!")


def refused(what: str, why: str) -> UserError:
    """What is said of a net that has no ONNX form."""
    return UserError(f"{what} cannot be exported to ONNX: {why}. format=state_dict works.")
