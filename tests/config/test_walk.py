"""Which classes and builders may be built where, and that none does more than be built."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from pellucid.config.build import SLOTS
from pellucid.config.functions import OF_NETS
from tests.helpers import ROOT

# Parts of the packages that start processes, run code from files or write them.
PARTS = ("distributed", "package", "_", "utils", "jit", "hub")
NOWHERE = (*(f"torch.{part}" for part in PARTS), "lightning.fabric", "lightning.pytorch.utilities")


@pytest.mark.slow
def test_every_reachable_class() -> None:
    command = [sys.executable, "-W", "ignore", "-m", "tests.config.walk"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout[done.stdout.index('{"places"') :])
    for place, (kind, modules) in SLOTS.items():
        defined = found["places"][place]
        print(f"{place}: {sum(defined.values())} classes of {kind}, of {', '.join(modules)}")
        assert defined, place
        if place in OF_NETS:
            modules = (*modules, "timm.models")  # of which functions alone
        assert all(any(f"{m}.".startswith(f"{known}.") for known in modules) for m in defined), place
        assert not [module for module in defined if module.startswith(NOWHERE)], place
    print(f"built: {found['built']}")
    assert sum(found["built"].values()) > 2000
    assert set(found["built"]) == set(SLOTS) - {"task", "strategy", "profiler"}  # a task needs a net
    assert found["done"] == []
    assert found["left"] == []
