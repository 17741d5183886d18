"""Words of other packages, and what this machine can do."""

from __future__ import annotations

import pytest

from pellucid.errors import UserError
from pellucid.system.process import as_user_error


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
