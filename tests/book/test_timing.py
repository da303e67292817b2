"""Times are the best of many rounds in which everything takes its turn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from implicit_tutorial.book import timing


class Machine:
    """A clock that what runs on it moves, by more in every second round."""

    def __init__(self) -> None:
        self.now, self.turns = 0.0, []

    def busy(self, name: str, seconds: float) -> None:
        self.turns.append(name)
        self.now += seconds * (1 + self.turns.count(name) % 2)

    def steps(self, name: str, *lengths: float) -> Iterator[int]:
        for k, seconds in enumerate(lengths):
            yield k
            self.busy(f"{name}{k}", seconds)
        yield len(lengths)
        self.now += 100.0


@pytest.fixture
def machine(monkeypatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(timing.time, "process_time", lambda: machine.now)
    return machine


def test_runs_take_turns_and_the_best_time_of_each_counts(machine: Machine) -> None:
    runs = [lambda: machine.busy("a", 2.0), lambda: machine.busy("b", 5.0)]
    assert timing.best_times(runs, rounds=3) == [2.0, 5.0]
    assert machine.turns == ["a", "b"] * 4, "the first round warms up"


def test_a_step_is_timed_between_two_items_and_the_end_is_not(machine: Machine) -> None:
    runs = [lambda: machine.steps("a", 1.0, 3.0), lambda: machine.steps("b", 4.0)]
    assert timing.best_step_times(runs, rounds=2) == [2.0, 4.0]
    assert machine.turns == ["a0", "a1", "b0"] * 2
