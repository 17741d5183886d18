"""Words of other packages, and what this machine can do."""

from __future__ import annotations

import errno
import os
import signal
import warnings
from typing import Any

import pytest
import torch

from pellucid.errors import UserError
from pellucid.system.interrupt import SIGNALS, install
from pellucid.system.process import (
    as_user_error,
    check_device,
    has_several_processes,
    is_of_launcher,
    is_of_options,
    is_of_restoring,
    process_group,
    quiet_warnings,
    signals,
)


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "data.batch_size"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "data.batch_size"),
        (ValueError("Expected more than 1 value per channel when training, got"), "2 or more"),
    ],
)
def test_other_packages_words_become_ours(error: Exception, remedy: str) -> None:
    assert isinstance(as_user_error(error), UserError)
    assert remedy in str(as_user_error(error))
    assert as_user_error(RuntimeError("a bug")).args == ("a bug",)


def test_what_a_disk_refuses_and_what_it_does_not() -> None:
    assert isinstance(as_user_error(OSError(errno.ENOSPC, "No space left on device")), UserError)
    other = OSError(errno.EBADF, "Bad file descriptor")
    assert as_user_error(other) is other


@pytest.mark.parametrize(
    ("trainer", "several"),
    [
        ({"accelerator": "cpu"}, False),
        ({"accelerator": "cpu", "devices": "auto"}, False),
        ({"accelerator": "cpu", "devices": 1}, False),
        ({"devices": 2}, True),
        ({"devices": [3]}, False),
        ({"devices": [0, 1]}, True),
        ({"devices": "2"}, True),
        ({"accelerator": "cpu", "devices": -1}, False),
    ],
)
def test_which_trainers_have_several_processes(trainer: dict[str, Any], several: bool) -> None:
    assert has_several_processes(trainer) is several


def test_all_gpus_may_be_several(monkeypatch: pytest.MonkeyPatch) -> None:
    for count, several in ((1, False), (2, True)):
        monkeypatch.setattr(torch.cuda, "device_count", lambda count=count: count)
        assert has_several_processes({"accelerator": "gpu", "devices": "auto"}) is several
        assert has_several_processes({"accelerator": "cpu", "devices": "auto"}) is False


def test_a_device_that_is_not_there_is_told_with_its_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.system.process.has_gpu", lambda: False)
    with pytest.raises(UserError, match=r"accelerator=gpu: .* no such device .*Use accelerator=cpu"):
        check_device("gpu", "accelerator")
    for wanted in ("auto", "cpu"):
        check_device(wanted, "accelerator")


def test_who_has_raised_an_error() -> None:
    """By the module that raised it: a launcher, Lightning with its options, an optimizer with its state."""

    def raised(module: str, error: BaseException) -> BaseException:
        code = compile("def fail(error): raise error", module, "exec")
        names: dict[str, Any] = {"__name__": module}
        exec(code, names)
        with pytest.raises(type(error)) as caught:
            names["fail"](error)
        return caught.value

    assert is_of_launcher(raised("submitit.core.job", RuntimeError()))
    assert not is_of_launcher(raised("lightning.pytorch.loops", RuntimeError()))
    assert not is_of_launcher(RuntimeError("never raised"))
    assert is_of_options(raised("lightning.pytorch.trainer", ValueError()))
    assert not is_of_options(raised("lightning.pytorch.trainer", RuntimeError()))
    assert not is_of_options(raised("lightning.pytorch.trainer", UserError("ours")))
    assert not is_of_options(raised("torch.nn", ValueError()))
    assert is_of_restoring(raised("torch.optim.adam", KeyError("exp_avg")))
    assert not is_of_restoring(raised("torch.optim.adam", RuntimeError("CUDA out of memory")))
    assert not is_of_restoring(raised("torch.nn", KeyError("exp_avg")))
    assert is_of_restoring(raised("lightning.pytorch.trainer.connectors.checkpoint_connector", OSError()))


def test_nothing_of_a_process_group_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTER_PORT", "1234")
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with process_group():
        os.environ |= {"MASTER_PORT": "5678", "WORLD_SIZE": "2"}
    assert os.environ["MASTER_PORT"] == "1234"
    assert "WORLD_SIZE" not in os.environ


def test_signals_are_noted_and_their_handlers_given_back() -> None:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    install()
    mine = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(KeyboardInterrupt), signals() as received:
            signal.raise_signal(signal.SIGTERM)
        assert received == [signal.SIGTERM]
        assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        install()  # forgets it
        for number, handler in before.items():
            signal.signal(number, handler)


def test_expected_warnings_are_quiet_and_others_are_not() -> None:
    with quiet_warnings():
        warnings.warn("It is recommended to use `self.log(..., sync_dist=True)`", stacklevel=1)
        with pytest.raises(UserWarning, match="another"):
            warnings.warn("another", stacklevel=1)
