import math

import pytest

from devices.cell_description import CellDescription


def cell(**changes: float) -> CellDescription:
    values: dict[str, float] = {
        "mass_g": 2.0e-3,
        "nominal_capacity_mah_per_g": 170.0,
        "reference_capacity_mah_per_g": 162.5,
    }
    return CellDescription(name="A1", kind="asslb", **{**values, **changes})


def test_a_fifth_of_c_on_two_milligrams_is_68_microamperes() -> None:
    assert cell().current_a(0.2) == pytest.approx(68e-6)


def test_the_reference_capacity_is_a_state_of_charge_of_one() -> None:
    assert cell().counted_soc(325e-6) == pytest.approx(1.0)


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize(
    "field", ["mass_g", "nominal_capacity_mah_per_g", "reference_capacity_mah_per_g"]
)
def test_a_mass_or_capacity_that_is_no_positive_number_is_refused(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"A1: {field}"):
        cell(**{field: value})
