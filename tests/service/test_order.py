"""Whose turn it is: priorities, fairness between people, and groups that starve nobody."""

import random

from modules.service.order import MOST_PASSED, Turns, Waiting


def line(*entries):
    """Make waiting jobs of (id, person, model) in this order."""
    return [
        Waiting(id=name, place=float(place), person=person, model=model)
        for place, (name, person, model) in enumerate(entries)
    ]


def run(turns, waiting):
    waiting, order = list(waiting), []
    while (chosen := turns.take(waiting)) is not None:
        waiting.remove(chosen)
        order.append(chosen.id)
    return order


def test_people_take_turns_however_many_jobs_one_of_them_has():
    waiting = line(*((f"a{n}", "ann", "") for n in range(4)), ("b0", "bob", ""), ("c0", "cid", ""))
    assert run(Turns(), waiting) == ["a0", "b0", "c0", "a1", "a2", "a3"]


def test_whoever_was_served_longest_ago_goes_first():
    turns = Turns()
    assert turns.take(line(("a0", "ann", ""))).id == "a0"
    assert turns.take(line(("a1", "ann", ""), ("b0", "bob", ""))).id == "b0"


def test_jobs_of_the_loaded_model_go_together():
    waiting = line(("a", "", "m"), ("b", "", "n"), ("c", "", "m"), ("d", "", "n"))
    assert run(Turns(), waiting) == ["a", "c", "b", "d"]


def test_no_job_is_passed_more_than_a_few_times():
    turns, waiting = Turns(), line(("first", "", "m"), ("other", "", "n"))
    taken = []
    for number in range(20):  # somebody keeps adding jobs of the loaded model
        waiting.append(Waiting(id=f"m{number}", place=number + 10.0, model="m"))
        chosen = turns.take(waiting)
        waiting.remove(chosen)
        taken.append(chosen.id)
    assert taken.index("other") == 1 + MOST_PASSED


def test_a_job_somebody_moved_is_not_passed():
    waiting = line(("a", "", "m"), ("b", "", "n"), ("c", "", "m"))
    waiting[1] = Waiting(id="b", place=1.0, model="n", moved=True)
    assert run(Turns(), waiting) == ["a", "b", "c"]


def test_priorities_are_never_passed_for_the_sake_of_a_model():
    turns = Turns()
    turns.take(line(("a", "", "m")))
    low = Waiting(id="low", place=1.0, model="m")
    high = Waiting(id="high", place=2.0, model="n", priority=1)
    assert turns.take([low, high]).id == "high"


def test_the_foretold_order_is_the_order_for_one_person():
    dice = random.Random(1)
    for _ in range(50):
        waiting = [
            Waiting(
                id=str(n), place=float(n), priority=dice.choice((0, 1)), model=dice.choice("mn")
            )
            for n in range(12)
        ]
        turns = Turns()
        turns.take([Waiting(id="before", model="m")])
        foretold = turns.order(waiting)
        assert foretold == run(turns, waiting)
