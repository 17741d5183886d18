"""A share of a time that a clock of the test's tells, by hand."""

from __future__ import annotations

import math

import pytest

from pellucid.callbacks.share import EFFORTS, TimeShare, cost_of, full_cost, largest_effort, told
from pellucid.errors import UserError


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_share_of_the_time_that_was_trained() -> None:
    clock = Clock()
    share = TimeShare(0.1, clock)
    share.spend(2)  # before training: no time of it
    assert (share.trained, share.left) == (0, -2)
    share.start()
    clock.now += 60
    assert share.trained == 60
    assert share.left == pytest.approx(0.1 * 60 - 2)
    clock.now += 5
    share.spend(5)  # a look is no training
    assert share.trained == 60
    assert share.left == pytest.approx(0.1 * 60 - 7)
    assert share.expected(3, 10) == pytest.approx(0.1 * 60 * 10 / 3)
    assert share.expected(3, -1) == share.expected(3, None) == share.expected(3, 10), "guessed"
    assert share.expected(20, None) == pytest.approx(0.1 * 60), "it may end at once"


def test_what_comes_after_the_training_is_none() -> None:
    clock = Clock()
    share = TimeShare(0.1, clock)
    share.start()
    clock.now += 7
    share.spend(2)
    share.stop()
    clock.now += 60  # a test, and a page
    share.spend(1)
    assert (share.trained, share.account()["look/trained"]) == (5, 5)
    share.start()  # once more
    clock.now += 3
    assert share.trained == 8


def test_a_run_that_goes_on_counts_on() -> None:
    clock = Clock()
    share = TimeShare(0.1, clock)
    share.go_on({"look/trained": 50.0, "look/seconds/total": 3.0, "look/left_out/latent": 2, "epochs": 4})
    share.start()
    clock.now += 10
    assert share.trained == 60
    assert share.left == pytest.approx(3)
    share.left_out["latent"] += 1
    share.shortened["embeddings"] += 1
    assert share.account() == {
        "look/trained": 60,
        "look/left_out/latent": 3,
        "look/shortened/embeddings": 1,
    }


def test_without_a_share_there_is_no_end() -> None:
    share = TimeShare(None)
    assert share.left == share.expected(1, 10) == math.inf


@pytest.mark.parametrize("share", [-0.1, math.nan, math.inf])
def test_a_wrong_share_is_told(share: float) -> None:
    with pytest.raises(UserError, match=r"share=.*: expected 0 or more, of the time trained; null draws"):
        TimeShare(share)


def test_what_a_look_costs_with_fewer_images() -> None:
    assert cost_of(10.3, 0.1) == pytest.approx(1.3), "drawing takes its 0.3 s in any case"
    assert cost_of(0.2, 0.1) == 0.2
    for effort in EFFORTS:
        assert full_cost(cost_of(10.3, effort), effort) == pytest.approx(10.3)
    assert largest_effort(10.3, 5.4) == 0.5
    assert largest_effort(10.3, 100) == 1
    assert largest_effort(10.3, 0.5) == 0
    assert largest_effort(10.3, 1.5) == 0.1
    assert largest_effort(10.3, 1.5, 0.25) == 0, "fewer images would say nothing"


def test_what_was_left_out_is_told_in_a_line() -> None:
    account = {
        "look/trained": 31.2,
        "look/seconds/total": 3.04,
        "look/left_out/embeddings": 5,
        "look/left_out/latent": 1,
        "look/shortened/explanations": 2,
    }
    assert told(account, 0.1) == (
        "3.0 s for 31.2 s of training, of which they may take 10%; left out: embeddings × 5, latent × 1; "
        "with fewer images: explanations × 2. All: share=null"
    )
    assert told(account, None) == ""
    assert told({"look/trained": 31.2}, 0.1) == ""
