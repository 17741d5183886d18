"""Error maps of an autoencoder."""

from __future__ import annotations

from pathlib import Path

import pytest

from pellucid.errors import UserError
from tests.commands.explain.runs import run_explain
from tests.helpers import make_run


def test_an_autoencoders_error_map(tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = ("data=catdog", f"data.root={photos}", f"data.cache={tmp_path / 'cache'}", "data.image_size=16")
    run = make_run(tmp_path / "run", "model=autoencoder", *data)
    rows = run_explain(run, photos / "test" / "cat")
    assert all(row["mse"] > 0 for row in rows)
    assert (run / "explanations" / "000.jpg.png").is_file()
    told = f"mean squared error {rows[0]['mse']:.4f}  {run / 'explanations' / '000.jpg.png'}"
    assert told in capsys.readouterr().out.splitlines()
    with pytest.raises(UserError, match="target=cat: this net redraws images"):
        run_explain(run, photos / "test" / "cat", target="cat")
    with pytest.raises(UserError, match=r"layers: encoder\.0 gives \(1, 768\)"):
        run_explain(run, photos / "test" / "cat", layers=["encoder.0"])
