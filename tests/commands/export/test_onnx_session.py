"""What onnxruntime does not take is told in a line."""

from __future__ import annotations

import onnx
import pytest
import torch
from onnx import TensorProto, helper

from pellucid.commands.export.onnx_session import Session, reason, refused
from pellucid.errors import UserError


def doubling(images: int | str) -> bytes:
    """A model that doubles batches of so many images of one pixel, and gives their sign too."""
    shape = [images, 1]
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("x", "twice", "sign")
    ]
    nodes = [helper.make_node("Add", ["x", "x"], ["twice"]), helper.make_node("Sign", ["x"], ["sign"])]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


def test_outputs_come_in_their_order() -> None:
    twice, sign = Session(doubling("batch"), "Net").run(torch.tensor([[3.0], [-1.0]]))
    assert twice.tolist() == [[6.0], [-2.0]]
    assert sign.tolist() == [[1.0], [-1.0]]


def test_what_is_no_model_or_takes_no_such_batch_is_told_in_a_line() -> None:
    with pytest.raises(
        UserError, match=r"^Net cannot be exported to ONNX: onnxruntime \S+ does not take it: "
    ):
        Session(b"junk", "Net")
    with pytest.raises(UserError, match=r"fails on a batch of 3: .*format=state_dict works") as told:
        Session(doubling(2), "Net").run(torch.zeros(3, 1))
    assert "\n" not in str(told.value)


def test_the_reason_is_that_at_the_bottom_in_a_line() -> None:
    error = RuntimeError("export failed")
    error.__cause__ = ValueError("too many axes.\nand a page more")
    assert reason(error) == reason(ValueError("too many axes."))
    assert "too many axes" in reason(error)
    long = reason(RuntimeError("word " * 200))
    assert len(long) <= 400
    assert long.endswith("…")
    assert str(refused("Net", "why")) == "Net cannot be exported to ONNX: why. format=state_dict works."
