"""The ground: errors with a way out, described fields, registries."""

import math
import pickle
from dataclasses import dataclass

import pytest

from modules.errors import InvalidRequest, NotFound, WebUIError, closest_hint
from modules.param import check_limits, get_at, param, params_of, replace_at
from modules.registry import Registry


@dataclass(frozen=True, kw_only=True)
class Inner:
    count: int = param(3, "Count", minimum=1, maximum=10)


@dataclass(frozen=True, kw_only=True)
class Outer:
    name: str = param("x", "Name")
    inner: Inner = Inner()
    maybe: Inner | None = None


def test_an_unknown_name_is_answered_with_the_nearest_known_one():
    error = NotFound("sampler", "Hune", ["Euler", "Heun"])
    assert "'Hune'" in error.message
    assert "'Heun'" in error.hint
    assert error.status == 404


def test_without_a_near_name_the_known_ones_are_listed():
    assert closest_hint("zzzz", ["Euler", "Heun"]) == "There are: Euler, Heun."
    assert closest_hint("zzzz", []) == "There are none at all."


@pytest.mark.parametrize(
    "error", [WebUIError("a", "b"), NotFound("x", "y", ["z"]), InvalidRequest("c")]
)
def test_errors_survive_the_trip_between_processes(error):
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)


def test_every_described_field_has_a_dotted_path():
    assert [item.path for item in params_of(Outer)] == ["name", "inner.count", "maybe.count"]


def test_replace_at_changes_one_leaf_of_a_copy():
    record = Outer()
    changed = replace_at(record, "inner.count", 7)
    assert get_at(changed, "inner.count") == 7
    assert record.inner.count == 3


def test_replace_at_creates_an_absent_optional_part():
    assert get_at(Outer(), "maybe.count") is None
    assert replace_at(Outer(), "maybe.count", 5).maybe == Inner(count=5)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "at least 1"),
        (11, "at most 10"),
        (math.nan, "ordinary number"),
        ("2", "must be a number"),
    ],
)
def test_a_number_outside_its_limits_is_refused_with_the_nearest_one_that_works(value, words):
    with pytest.raises(InvalidRequest, match=words):
        check_limits(replace_at(Outer(), "inner.count", value))


def test_registry_finds_by_alias_and_ignores_case():
    registry: Registry[int] = Registry("thing")
    registry.add("Euler a", 1, aliases=["k_euler_a"])
    assert registry["EULER A"] == registry["k_euler_a"] == 1
    assert registry.names() == ["Euler a"]
    with pytest.raises(NotFound, match="Euler a"):
        registry["Euler b"]
