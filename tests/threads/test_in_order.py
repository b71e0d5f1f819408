from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from newsletter_bandit.threads import in_order


def test_results_come_in_order_whatever_ends_first() -> None:
    second_is_done = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            assert second_is_done.wait(600)
        elif number == 1:
            second_is_done.set()
        return number * number

    assert list(in_order(work, range(20), threads=2)) == [number * number for number in range(20)]


def test_no_more_is_taken_than_is_held() -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    results = in_order(lambda number: number, items(), threads=3)
    for number in range(100):
        assert next(results) == number
        assert len(taken) <= number + 4
    assert list(results) == []


def test_an_error_comes_at_its_turn_and_ends_the_work() -> None:
    done = []

    def work(number: int) -> int:
        if number == 3:
            raise ValueError("three")
        done.append(number)
        return number

    results = in_order(work, range(1000), threads=2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)
    assert max(done) < 10


def test_nothing_to_do() -> None:
    assert list(in_order(str, [])) == []
