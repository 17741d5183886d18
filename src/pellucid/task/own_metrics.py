"""Metrics of the user's own: what each is computed from, and which one chooses the best checkpoint."""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn
from torchmetrics import Metric

from pellucid.errors import OPTION_ERRORS, UserError, did_you_mean, first_line

FORM = "task.metrics.{name}._target_=torchmetrics.classification.MulticlassF1Score"


def check_names(metrics: Mapping[str, object], taken: Collection[str]) -> dict[str, Metric]:
    """The metrics, where they are such and may be called so. Raises UserError."""
    for name, metric in metrics.items():
        if not isinstance(metric, Metric):
            example = FORM.format(name=name)
            raise UserError(
                f"task.metrics.{name}: expected a metric of torchmetrics, as {example}, got {metric!r:.60}."
            )
        if name in taken or not name.isidentifier() or hasattr(nn.ModuleDict, name):
            ours = f"; the task has {', '.join(taken)} itself" if name in taken else ""
            raise UserError(
                f"task.metrics.{name}: a metric cannot be called {name}{ours}. Give it another name, a word "
                f"of letters, digits and _: {FORM.format(name='mine')}"
            )
    return dict(metrics)  # type: ignore[arg-type]


def gives_each(metric: Metric, output: Tensor, targets: Tensor) -> bool:
    """Whether the metric gives of numbers, (B, K), a value for each of the K."""
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        try:
            metric.reset()
            metric.update(output, targets)
            value = metric.compute()
        except (*OPTION_ERRORS, AttributeError, AssertionError):
            return False  # it is told with the forms that it does not take
        finally:
            metric.reset()
    return isinstance(value, Tensor) and targets.ndim == 2 and value.shape == targets.shape[1:]


def choose_form(name: str, metric: Metric, forms: Mapping[str, Tensor], targets: Tensor) -> str:
    """The first of the forms of an output that the metric can be computed from, and as well as from any.

    The predicted class says nothing of how sure the net was: where a later form gives another value, as of
    an accuracy among the likeliest five, that one is meant. Raises UserError where it takes none, or gives
    no single number.
    """
    values: dict[str, float] = {}
    problem = ""
    for form, output in forms.items():
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # of classes without images, say
            try:
                metric.reset()
                metric.update(output, targets)
                value = metric.compute()
                if isinstance(value, Tensor) and value.numel() == 1:
                    values[form] = float(value)
                else:
                    problem = _several(value)
            except (*OPTION_ERRORS, AttributeError, AssertionError) as error:
                problem = problem or first_line(error)
            finally:
                metric.reset()
    if not values:
        shapes = " or ".join(f"{form} {tuple(output.shape)}" for form, output in forms.items())
        raise UserError(
            f"task.metrics.{name}: {type(metric).__name__} cannot be computed of {shapes} and labels "
            f"{tuple(targets.shape)}: {problem.rstrip('.')}."
        )
    richest, best = list(values.items())[-1]
    return next((form for form, value in values.items() if math.isclose(value, best, abs_tol=1e-5)), richest)


def _several(value: object) -> str:
    shape = f"of shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
    return (
        f"it gives several numbers, {shape}, where one is to be logged; average=macro is the mean of classes"
    )


def choose_monitor(
    monitor: str | None, mode: str | None, metrics: Mapping[str, Metric], default: tuple[str, str]
) -> tuple[str, str]:
    """The metric that chooses the best checkpoint, and whether it should be high: ``max`` or ``min``.

    ``default``: those of the task. Raises UserError for one that is not logged, or of which it is not known.
    """
    names = [f"val/{name}" for name in metrics]
    if monitor is None:
        return default[0], mode or default[1]
    if monitor not in names:
        raise UserError(
            f"task.monitor={monitor}: not logged on validation.{did_you_mean(monitor, names, cutoff=0.7)} "
            f"Choices: {', '.join(names)}."
        )
    if mode is None and monitor == default[0]:
        return default
    if mode is None:
        higher = metrics[monitor.partition("/")[2]].higher_is_better
        if higher is None:
            raise UserError(
                f"task.monitor={monitor}: its metric does not say whether it should be high: "
                "task.mode=max, or min."
            )
        mode = "max" if higher else "min"
    if mode not in ("max", "min"):
        raise UserError(f"task.mode={mode}: expected max or min.")
    return monitor, mode
