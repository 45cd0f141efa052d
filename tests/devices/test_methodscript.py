import math

import pytest

from devices.methodscript import Variable, integer, literal, parse_package, script_error


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (6.8e-5, "68u"),
        (-6.8e-5, "-68u"),
        (4.25, "4250m"),
        (1e5, "100k"),
        (20_000.0, "20k"),
        (200.0, "200"),
        (86_400.0, "86400"),
        (5e-10, "500p"),
        (68_129.20690579612, "68129210m"),
        (1.0 / 3.0, "333333300n"),
    ],
)
def test_a_literal_is_a_whole_number_with_a_prefix(value: float, text: str) -> None:
    assert literal(value) == text


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e30, 1e-30])
def test_what_no_literal_can_say_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="script"):
        literal(value)


def test_an_integer_must_fit_into_a_package() -> None:
    assert integer(-3) == "-3i"
    with pytest.raises(ValueError, match="134217728"):
        integer(1 << 27)


@pytest.mark.parametrize(
    ("text", "value"),
    [("ab800000Am", 0.01), ("ab7FFFFF6m", -0.01), ("eb8000000 ", 0.0), ("ee8000007i", 7.0)],
)
def test_numbers_of_a_package_have_an_offset(text: str, value: float) -> None:
    (variable,) = parse_package(f"P{text}").values()
    assert variable == Variable(text[:2], value)


def test_a_package_holds_its_variables_by_type_with_their_status() -> None:
    found = parse_package("Pja8000005i;ab8000E7Am,10,280;ba8000044u,12,280")
    assert found == {
        "ja": Variable("ja", 5.0),
        "ab": Variable("ab", 3.706),
        "ba": Variable("ba", 6.8e-5, status=2),
    }
    assert found["ba"].overloaded
    assert not found["ab"].overloaded


def test_no_number_is_not_a_number() -> None:
    assert math.isnan(parse_package("Pcc     nan")["cc"].value)


@pytest.mark.parametrize("line", ["", "P", "Pab80000", "Pab800000Am;", "NOISE", "e", "Pxx800000Am"])
def test_a_damaged_package_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="no package"):
        parse_package(line)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("e!4001: Line 3, Col 16", "error 4001 in line 3: the script has an unknown command"),
        ("!0014: Line 9", "error 0014 in line 9: the open circuit cannot be watched"),
        ("Z!0006", "error 0006: not possible in this state"),
        ("!1234: Line 1", "error 1234 in line 1: see the appendix of its manual"),
        ("e", ""),
        ("Pab800000Am", ""),
    ],
)
def test_errors_are_said_in_words(line: str, words: str) -> None:
    assert script_error(line).startswith(words)
    assert bool(script_error(line)) == bool(words)
