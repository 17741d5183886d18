"""What an image may take."""

from __future__ import annotations

import threading

import pytest

from pellucid.data.bounds import MAX_SIDE, Budget, UnreadableError, check_size


@pytest.mark.parametrize(
    ("size", "told"),
    [((MAX_SIDE + 1, 1), "a side of more than"), ((60_000, 3_000), "178 million"), ((1, 1), "single pixel")],
)
def test_sizes_that_are_refused(size: tuple[int, int], told: str) -> None:
    check_size(2, 1)
    check_size(MAX_SIDE, 2_000)
    with pytest.raises(UnreadableError, match=told):
        check_size(*size)


def test_who_wants_more_than_is_left_waits() -> None:
    budget, order = Budget(10), list[str]()

    def large() -> None:
        with budget.taken(8):
            order.append("large")

    thread = threading.Thread(target=large)
    with budget.taken(4):
        thread.start()
        thread.join(0.1)
        order.append("small")
    thread.join(10)
    assert order == ["small", "large"]


def test_who_wants_all_is_not_overtaken() -> None:
    budget, order = Budget(10), list[str]()
    first, second = threading.Event(), threading.Event()

    def large() -> None:
        with budget.taken(10):
            order.append("large")

    def small() -> None:
        with budget.taken(1):
            order.append("small")

    with budget.taken(1):
        threads = [threading.Thread(target=target) for target in (large, small)]
        threads[0].start()
        first.wait(0.05)  # until it waits
        threads[1].start()
        second.wait(0.05)
        assert order == []
    for thread in threads:
        thread.join()
    assert order == ["large", "small"]


def test_what_was_taken_is_given_back_after_an_exception() -> None:
    budget = Budget(1)
    for _ in range(3):
        with pytest.raises(KeyError), budget.taken(1):
            raise KeyError
