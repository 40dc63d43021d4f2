"""The light `NamedTuple` does what `typing.NamedTuple` does, as far as we use it."""

from __future__ import annotations

import pickle
from typing import Generic, TypeVar

import pytest

from tiebreak.record import NamedTuple

T = TypeVar("T")


class Point(NamedTuple):
    x: int
    y: int = 0

    @property
    def total(self) -> int:
        return self.x + self.y


class Box(NamedTuple, Generic[T]):
    value: T
    label: str = "box"


def test_fields_by_place_by_name_and_by_default() -> None:
    assert Point(1) == Point(x=1) == Point(1, y=0) == (1, 0)
    assert (Point(2, 3).x, Point(2, 3).y, Point(2, 3).total) == (2, 3, 5)
    assert Box[int](4) == Box(4, "box")


def test_it_is_a_tuple() -> None:
    x, y = Point(1, 2)
    assert (x, y) == (1, 2)
    assert {Point(1, 2): "here"}[Point(1, 2)] == "here"
    with pytest.raises(AttributeError):
        Point(1).x = 2  # type: ignore[misc]


def test_copies_and_names() -> None:
    assert Point(1, 2)._replace(y=5) == Point(1, 5)
    assert Point(1, 2)._asdict() == {"x": 1, "y": 2}
    assert Point._fields == ("x", "y")
    assert repr(Point(1, 2)) == "Point(x=1, y=2)"
    assert pickle.loads(pickle.dumps(Point(1, 2))) == Point(1, 2)  # noqa: S301


def test_patterns() -> None:
    match Point(1, 2):
        case Point(x=1, y=found):
            assert found == 2
        case _:
            pytest.fail("no match")


@pytest.mark.parametrize("call", [(), (1, 2, 3)])
def test_wrong_numbers_of_values(call: tuple[int, ...]) -> None:
    with pytest.raises(TypeError, match="x, y"):
        Point(*call)


@pytest.mark.parametrize("named", [{"z": 1, "x": 1}, {"y": 1}])
def test_wrong_names(named: dict[str, int]) -> None:
    with pytest.raises(TypeError, match="x, y"):
        Point(**named)


def test_a_value_given_twice() -> None:
    with pytest.raises(TypeError, match="x, y"):
        Point(1, x=2)  # type: ignore[misc]
