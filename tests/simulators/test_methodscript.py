import re
from collections.abc import Callable

import pytest

from simulators.cell import PRESETS, Cell
from simulators.cell_impedance import impedance_of
from simulators.clock import SimClock
from simulators.methodscript_instrument import MethodScriptInstrument
from simulators.methodscript_numbers import Variable, literal, package
from simulators.methodscript_syntax import ScriptError, parse
from simulators.mounted_cell import MountedCell
from tests.simulators.script_output import packages, values

CHARGE_A = 6.8e-5


class Bench:
    """An instrument in a time that stands still, and all that it has said."""

    def __init__(self, *, cell: str = "asslb", periods: int = 1) -> None:
        self.clock = SimClock.start(rate=0.0, epoch_unix_s=0.0)
        self.cell = Cell(PRESETS[cell])
        self.lines: list[str] = []
        self.mounted = MountedCell(self.cell, self.clock)
        self.instrument = MethodScriptInstrument(self.mounted, self.lines.append, periods=periods)

    def ask(self, line: str) -> list[str]:
        return self._heard(lambda: self.instrument.handle(line))

    def run(self, script: str, *, for_s: float = 0.0) -> list[str]:
        def send() -> None:
            for line in ("e", *script.strip().splitlines(), ""):
                self.instrument.handle(line)

        return self._heard(send) + self.wait(for_s)

    def wait(self, duration_s: float) -> list[str]:
        self.clock.advance(duration_s)
        return self._heard(self.mounted.catch_up)

    def _heard(self, action: Callable[[], object]) -> list[str]:
        before = len(self.lines)
        action()
        return self.lines[before:]


CHARGE = """
var p
var c
var t
set_pgstat_mode 6
set_i 0
cell_on
timer_start
meas_loop_cp p c 68u 10 {duration}
timer_get t
pck_start
pck_add t
pck_add p
pck_add c
pck_end
if p > {limit}
breakloop
endif
endloop
on_finished:
cell_off
"""


def charge(*, duration: str = "60", limit: str = "4200m") -> str:
    return CHARGE.format(duration=duration, limit=limit)


GEIS = """
var f
var r
var j
set_pgstat_mode 6
cell_on
meas_loop_geis f r j 5u {band} {bias}
pck_start
pck_add f
pck_add r
pck_add j
pck_end
endloop
on_finished:
cell_off
"""


def test_numbers_are_the_manuals() -> None:
    assert literal("500m") == Variable(0.5)
    assert literal("-2") == Variable(-2.0)
    assert literal("10i") == Variable(10.0, integer=True)
    assert literal("0x1F") == Variable(31.0, integer=True)
    assert literal("4.2") is None
    assert literal("p") is None


@pytest.mark.parametrize(
    ("variable", "line"),
    [
        (Variable(0.01, "ab"), "Pab8989680n"),
        (Variable(-0.01, "ab"), "Pab7676980n"),
        (Variable(0.0, "eb"), "Peb8000000 "),
        (Variable(7.0, "ee", integer=True), "Pee8000007i"),
        (Variable(float("nan"), "cc"), "Pcc     nan"),
        (Variable(1.0, "ba", status=2), "Pba80F4240u,12,280"),
    ],
)
def test_a_package_is_seven_digits_and_a_prefix(variable: Variable, line: str) -> None:
    assert package([variable]) == line


def test_it_says_who_it_is_and_refuses_what_it_does_not_know() -> None:
    bench = Bench()
    assert bench.ask("t") == ["tnexus11100#Dec 02 2025 10:00:00", "R*"]
    assert bench.ask("i") == ["iNX1SIM0001"]
    assert bench.ask("v") == ["v01.08.00"]
    assert bench.ask("Z") == ["Z!0006"]
    assert bench.ask("*IDN?") == ["*!0003"]
    assert bench.ask("") == []


def test_a_charge_measures_each_interval_and_opens_the_circuit_at_its_end() -> None:
    bench = Bench()
    heard = bench.run(charge(), for_s=100.0)
    assert heard[:2] == ["e", "M000A"]
    assert heard[-2:] == ["*", ""]
    rows = packages(heard)
    assert [row["eb"] for row in rows] == pytest.approx([10.0 * k for k in range(1, 7)])
    assert [row["ba"] for row in rows] == pytest.approx([CHARGE_A] * 6, rel=1e-3)
    assert not bench.instrument.running
    assert bench.cell.current_a == 0.0


def test_the_cell_is_charged_while_the_script_runs_and_not_after() -> None:
    bench = Bench()
    bench.run(charge(duration="3600"), for_s=3600.0)
    charged_ah = bench.cell.charged_ah
    assert charged_ah == pytest.approx(CHARGE_A, rel=1e-6)
    bench.wait(3600.0)
    assert bench.cell.charged_ah == charged_ah


def test_the_script_breaks_its_loop_at_a_potential() -> None:
    bench = Bench()
    rows = packages(bench.run(charge(duration="20k", limit="3800m"), for_s=20_000.0))
    assert rows[-2]["ab"] <= 3.8 < rows[-1]["ab"] < 3.81
    assert bench.cell.current_a == 0.0


def test_abort_ends_the_script_with_its_last_lines() -> None:
    bench = Bench()
    bench.run(charge(duration="3600"), for_s=25.0)
    assert bench.ask("t") == ["t!0006"]
    assert bench.ask("Z") == ["Z", "*", ""]
    assert bench.ask("Z") == ["Z!0006"]
    assert bench.cell.current_a == 0.0
    assert bench.cell.charged_ah == pytest.approx(CHARGE_A * 25.0 / 3600.0)


def test_an_open_circuit_is_watched_with_the_cell_off() -> None:
    bench = Bench()
    script = "var p\nmeas_loop_ocp p 1 3\npck_start\npck_add p\npck_end\nendloop"
    rows = packages(bench.run(script, for_s=3.0))
    assert [row["ab"] for row in rows] == pytest.approx([bench.cell.voltage_v] * 3, abs=1e-4)
    assert bench.run("cell_on\n" + script)[-1] == "!0014: Line 3"


def test_a_spectrum_is_the_cells_and_takes_its_periods() -> None:
    bench = Bench(periods=3)
    heard = bench.run(GEIS.format(band="100 100m 4i", bias="0"), for_s=33.0)
    assert "*" not in heard
    heard += bench.wait(0.4)
    assert heard[1] == "M000E"
    rows = packages(heard)
    assert [row["dc"] for row in rows] == pytest.approx([100.0, 10.0, 1.0, 0.1])
    truth_ohm = impedance_of(bench.cell).impedance_ohm([row["dc"] for row in rows])
    measured_ohm = [complex(row["cc"], row["cd"]) for row in rows]
    assert measured_ohm == pytest.approx(list(truth_ohm), rel=0.01)


def test_a_bias_goes_on_charging_during_the_spectrum() -> None:
    bench = Bench()
    bench.run(GEIS.format(band="1 10m 9i", bias="68u"), for_s=400.0)
    duration_s = sum(10.0 ** (k / 4.0) for k in range(9))
    assert bench.cell.charged_ah == pytest.approx(CHARGE_A * duration_s / 3600.0, rel=1e-3)


def test_a_potentiostatic_spectrum_holds_its_potential() -> None:
    bench = Bench()
    script = GEIS.replace("mode 6", "mode 3").replace("geis f r j 5u", "eis f r j 10m")
    script = script.format(band="10 1 2i", bias="3600m").replace("cell_on", "set_e 3600m\ncell_on")
    heard = bench.run(script)
    assert heard[1] == "M000D"
    assert bench.cell.voltage_v == 3.6
    assert len(packages(bench.wait(2.0))) == 2


def test_a_voltammogram_climbs_its_staircase_scan_by_scan() -> None:
    script = """
var p
var c
set_pgstat_mode 2
set_e 3500m
cell_on
meas_loop_cv p c 3500m 3600m 3450m 50m 10m nscans(2)
pck_start
pck_add p
pck_add c
pck_end
endloop
on_finished:
cell_off
"""
    heard = Bench().run(script, for_s=200.0)
    marks = [line for line in heard if not line.startswith("P")]
    assert marks == ["e", "M0005", "C0001", "-", "C0002", "-", "*", ""]
    steps_v = [3.5, 3.55, 3.6, 3.55, 3.5, 3.45, 3.5]
    assert [row["da"] for row in packages(heard)] == pytest.approx(2 * steps_v)


def test_loops_branches_and_arrays_reckon() -> None:
    script = """
var i
var s
array a 3i
store_var s 0i ja
store_var i 0i ja
loop i < 3i
    copy_var i a[i]
    if a[i] == 0i
        add_var s 100i
    elseif a[i] == 1i
        add_var s 10i
    else
        add_var s 1i
    endif
    add_var i 1i
endloop
pck_start
pck_add s
pck_add a[2i]
pck_end
"""
    heard = Bench().run(script, for_s=1.0)
    assert heard == ["e", "L", "+", "Pja800006Fi;ja8000002i", ""]


@pytest.mark.parametrize(
    ("script", "reply"),
    [
        ("invalid_command", "e!4001: Line 1, Col 16"),
        ("var p\nvar p", "e!4026: Line 2, Col 6"),
        ("set_e p", "e!420B: Line 1, Col 8"),
        ("set_e 4.2", "e!4039: Line 1, Col 10"),
        ("cell_on 3", "e!4008: Line 1, Col 10"),
        ("var p\nmeas_loop_ocp p 1 3", "e!4018: Line 3, Col 1"),
        ("var p\nmeas_loop_ocp p 1 3\nmeas_loop_ocp p 1 3\nendloop\nendloop", "e!400B: Line 3"),
    ],
)
def test_a_wrong_script_is_not_begun(script: str, reply: str) -> None:
    bench = Bench()
    (heard,) = bench.run(script)
    assert heard.startswith(reply)
    assert not bench.instrument.running


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("set_pgstat_mode 9", "!0021: Line 1"),
        ("var p\nvar c\nset_pgstat_mode 6\nmeas_loop_cp p c 1m 1 2\nendloop", "!4027: Line 4"),
        ("var p\nvar c\ncell_on\nmeas_loop_cp p c 1m 1 2\nendloop", "!0023: Line 4"),
        ("var p\nmeas_loop_ocp p 0 2\nendloop", "!4204: Line 2"),
        ("var p\npck_add p", "!401B: Line 2"),
        ("var p\nstore_var p 1 ja\ndiv_var p 0", "!0028: Line 3"),
        ("var p\nvar q\ncopy_var p q", "!4205: Line 3"),
    ],
)
def test_an_error_ends_the_run_at_open_circuit(script: str, error: str) -> None:
    bench = Bench()
    assert bench.run(script)[-1] == error
    assert not bench.instrument.running
    assert not bench.instrument.pgstat.on


def test_power_lost_leaves_the_circuit_open() -> None:
    bench = Bench()
    bench.run(charge(duration="3600"), for_s=25.0)
    bench.instrument.power_cycle()
    assert bench.wait(100.0) == []
    assert bench.cell.current_a == 0.0
    assert bench.ask("i") == ["iNX1SIM0001"]


def test_a_lead_that_comes_off_overloads_the_galvanostat() -> None:
    bench = Bench()
    bench.run(charge(duration="3600"), for_s=10.0)
    bench.instrument.pgstat.attach_cell(False)
    (line,) = bench.wait(10.0)[:1]
    assert re.search(r";ab\w{8},12,280;ba\w{7}.,12,280", line)
    assert values(line)["ab"] == pytest.approx(10.0)
    assert bench.wait(10.0) == []  # 10 V is above the limit: the loop was left


def test_a_script_error_names_its_place() -> None:
    with pytest.raises(ScriptError, match="!4001: Line 2, Col 4"):
        parse(["# nothing", "foo"])


def test_a_constant_potential_is_applied_and_its_current_measured() -> None:
    bench = Bench()
    script = """
var p
var c
set_pgstat_mode 2
cell_on
meas_loop_ca p c 3600m 10 60
pck_start
pck_add p
pck_add c
pck_end
endloop
on_finished:
cell_off
"""
    lines = bench.run(script, for_s=70.0)
    assert lines[:2] == ["e", "M0007"]
    rows = packages(lines)
    assert [row["da"] for row in rows] == pytest.approx([3.6] * 6)
    currents_a = [row["ba"] for row in rows]
    assert currents_a == sorted(currents_a, reverse=True)
    assert 0.0 < currents_a[-1] < currents_a[0]
    assert bench.cell.current_a == 0.0
