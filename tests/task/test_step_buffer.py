"""What steps gave is kept whole and in order."""

from __future__ import annotations

import pytest
import torch

from pellucid.task.step_buffer import StepBuffer


@pytest.mark.parametrize("sizes", [[3], [1, 2], [2, 300, 1], [4] * 200])
def test_all_is_kept_in_order(sizes: list[int]) -> None:
    buffer = StepBuffer()
    labels = [torch.arange(size) + 1000 * step for step, size in enumerate(sizes)]
    for step, labels_B in enumerate(labels):
        loss = torch.tensor(float(step), dtype=torch.bfloat16, requires_grad=True)
        buffer.add(loss, labels_B, labels_B > 2)
    losses_S, counts_S, (labels_N, flags_N) = buffer.all()
    assert losses_S.dtype == torch.float32
    assert torch.equal(losses_S, torch.arange(len(sizes)).bfloat16().float())
    assert not losses_S.requires_grad
    assert counts_S.tolist() == sizes
    assert torch.equal(labels_N, torch.cat(labels))
    assert torch.equal(flags_N, torch.cat(labels) > 2)


def test_rows_of_several_numbers() -> None:
    buffer = StepBuffer()
    for step in range(80):
        buffer.add(torch.tensor(0.0), torch.full((2, 3), float(step)))
    _, counts, (rows,) = buffer.all()
    assert rows.shape == (160, 3)
    assert rows[::2, 0].tolist() == list(range(80))
    assert counts.sum() == 160
