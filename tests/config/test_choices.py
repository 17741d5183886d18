"""What a line chooses from the config groups."""

from __future__ import annotations


def test_several_values_where_no_sweep_can_be() -> None:
    assert problems("runs=a/b,c/d", name="compare") == (
        "runs=a/b,c/d: several values are a list, in brackets: runs=[a/b,c/d]"
    )


def test_a_glob_that_matches_nothing_is_told() -> None:
    assert "stands for no value" in problems("-m", "model=glob(q*)")


def test_an_option_of_another_command_is_told() -> None:
    assert "trainer.limit_test_batches: there is no such option" in problems(
        "run=a", "+trainer.limit_test_batches=2", name="evaluate"
    )
    assert "evaluate has no such option" in problems("run=a", "model=cnn", name="evaluate")
