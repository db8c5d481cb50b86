"""Lines through measurements: exact where these are, calm where some are not."""

import random

import pytest

from modules.service.preflight.fit import Line, fitted, nine_tenths, solved

TRUTH = Line((0.02, 0.5, 0.1))
PRIOR = Line((0.01, 1.0, 0.1))


def features(samples, area):
    return (1.0, samples * area, samples * area * area)


def points(count, dice, noise=0.0):
    for _ in range(count):
        where = features(dice.choice((1, 2, 4)), dice.choice((0.1, 0.25, 0.5, 1.0, 2.0)))
        yield where, TRUTH.at(where) * (1 + dice.uniform(-noise, noise))


def test_exact_measurements_give_the_line_they_came_from():
    found = fitted(points(40, random.Random(1)), PRIOR)
    for where in (features(1, 0.1), features(2, 1.0), features(4, 3.0)):
        assert found.at(where) == pytest.approx(TRUTH.at(where), rel=0.02)
    assert found.measured == 40


def test_one_measurement_scales_what_was_guessed():
    where = features(2, 1.0)
    found = fitted([(where, TRUTH.at(where))], PRIOR)
    assert found.at(where) == pytest.approx(TRUTH.at(where), rel=0.01)
    assert found.coefficients[1] / found.coefficients[2] == pytest.approx(10, rel=0.05)


def test_nothing_measured_leaves_the_guess():
    assert fitted([], PRIOR) == PRIOR


def test_disturbed_measurements_hardly_move_the_line():
    dice = random.Random(2)
    clean = list(points(30, dice, noise=0.03))
    spoilt = [(where, value * 4) for where, value in points(6, dice)]
    found = fitted([*clean, *spoilt], PRIOR)
    for where in (features(1, 0.25), features(2, 1.0), features(4, 2.0)):
        assert found.at(where) == pytest.approx(TRUTH.at(where), rel=0.08)


def test_no_coefficient_is_negative():
    falling = [((1.0, x), 10.0 - x) for x in (1.0, 2.0, 3.0, 4.0)]
    assert min(fitted(falling, Line((1.0, 1.0))).coefficients) >= 0
    assert min(solved([[1.0, -1.0], [1.0, -2.0]], [1.0, 1.0])) >= 0


def test_nine_of_ten_are_at_most_the_ninetieth_hundredth():
    assert nine_tenths([]) is None
    assert nine_tenths(range(1, 101)) == 91
    assert nine_tenths([5.0]) == 5.0
