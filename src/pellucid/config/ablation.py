"""The trials of an ablation: what each option is worth, alone and left out."""

from __future__ import annotations

from collections.abc import Iterator

from pellucid.config.space import Parameter, Scalar


def ablations(space: tuple[Parameter, ...]) -> list[tuple[str, dict[str, Scalar]]]:
    """The trials of an ablation by name: none of the options, each alone, all but each, all.

    Of each option the first value is without it, the second with it. Of one or two options a trial that is
    both alone and all but another is there once.
    """
    switches = [[False] * len(space)]
    for on in (True, False):
        switches += [[(index == other) is on for index in range(len(space))] for other in range(len(space))]
    switches.append([True] * len(space))
    trials: dict[tuple[bool, ...], tuple[str, dict[str, Scalar]]] = {}
    for switch in switches:
        values = {p.name: (p.values or (None, None))[on] for p, on in zip(space, switch, strict=True)}
        trials.setdefault(tuple(switch), (_arm(space, switch), values))
    return list(trials.values())


def _arm(space: tuple[Parameter, ...], switch: list[bool]) -> str:
    """The name of an ablation's trial."""
    alone = [parameter.override((parameter.values or ())[1]) for parameter in space]
    if not any(switch):
        return "none"
    if all(switch):
        return "all"
    if sum(switch) == 1:
        return f"only {alone[switch.index(True)]}"
    return f"all but {alone[switch.index(False)]}"


def ablation_problems(space: tuple[Parameter, ...], *, sampled: bool) -> Iterator[str]:
    """Problems of an ablation's search space, one line each."""
    if sampled:
        yield "sweep.ablation=true: its trials are given, none is sampled. Leave the sampler out."
    if not space:
        yield (
            "There is nothing to leave out: give options two values, without and with it, "
            "e.g. average=none,ema task.label_smoothing=0,0.1."
        )
    for parameter in space:
        if len(parameter.values or ()) != 2:
            yield (
                f"{parameter.name}={parameter}: an ablation takes two values of an option, without and with "
                "it, in this order. What all trials share takes one."
            )
