from typing import Any

from operando.nested_values import nested_values


def test_values_are_named_in_their_order_and_places_in_lists_count_from_one() -> None:
    values = {"c_rate": 0.2, "programme": {"name": "mine", "steps": [{"a": 1}, {"b": [2, None]}]}}
    assert list(nested_values(values)) == [
        ("c_rate", 0.2),
        ("programme.name", "mine"),
        ("programme.steps.1.a", 1),
        ("programme.steps.2.b.1", 2),
        ("programme.steps.2.b.2", None),
    ]


def test_a_list_that_is_within_eleven_others_is_not_entered() -> None:
    deep: list[Any] = [1.0]
    for _ in range(10):
        deep = [deep]
    assert list(nested_values({"x": deep})) == [("x" + 11 * ".1", 1.0)]
    assert list(nested_values({"x": [deep]})) == [("x" + 11 * ".1", [1.0])]
