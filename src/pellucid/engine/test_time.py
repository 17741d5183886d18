"""What is added to a trained net when it is used: test-time augmentation, and a temperature."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor

from pellucid.errors import UserError
from pellucid.inside.tta import AugmentedNet, Pool, check_size, mean, mean_sigmoid, mean_softmax
from pellucid.task.base import Task
from pellucid.task.classification import Classification
from pellucid.task.multilabel import Multilabel
from pellucid.task.regression import Regression


def pool_of(task: Task, image_shape: tuple[int, int, int], tta: str) -> Pool:
    """How a task puts a net's outputs on several versions of an image together: the mean of the classes' or
    labels' probabilities, or of numbers.

    Raises UserError for a task that cannot, and for images of which there are no such versions.
    """
    check_size(image_shape[1:], tta)
    pools = {Classification: mean_softmax, Multilabel: mean_sigmoid, Regression: mean}
    for kind, pool in pools.items():
        if isinstance(task, kind):
            return pool
    raise UserError(
        f"tta={tta}: versions of an image are put together by classes, labels or numbers; "
        f"{type(task).__name__} predicts none of them. Leave tta out."
    )


@contextmanager
def at_test_time(
    task: Task, image_shape: tuple[int, int, int], *, tta: str = "none", temperature: float = 1.0
) -> Iterator[None]:
    """Within, the task's net gives what it does with ``tta`` and at that temperature. Raises UserError.

    The thresholds of several labels move with their probabilities, so that an image has the same labels.
    """
    if tta == "none" and temperature == 1:
        yield
        return
    pool = mean if tta == "none" else pool_of(task, image_shape, tta)
    net, thresholds_K = task.net, task.thresholds.clone() if isinstance(task, Multilabel) else None
    task.net = AugmentedNet(net, tta=tta, pool=pool, temperature=temperature)
    if isinstance(task, Multilabel):
        task.thresholds.copy_(moved(task.thresholds, temperature))
    try:
        yield
    finally:
        task.net = net
        if isinstance(task, Multilabel) and thresholds_K is not None:
            task.thresholds.copy_(thresholds_K)


def moved(thresholds_K: Tensor, temperature: float) -> Tensor:
    """Thresholds of probabilities at that temperature, float32: the same images are above them."""
    if temperature == 1:
        return thresholds_K
    return (thresholds_K.double().logit() / temperature).sigmoid().float()
