import math
from dataclasses import replace

import pytest

from devices.cell_instrument import InstrumentState
from devices.errors import (
    CellBusyError,
    CommandError,
    InstrumentMismatchError,
    LimitExceededError,
    LinkDownError,
)
from devices.impedance import Impedance, logarithmic_hz
from devices.impedance_script import refuse_slow_sweep, sweep_duration_s
from devices.palmsens import PalmSens
from devices.reading import Reading
from devices.script_lines import ProgrammePlace
from devices.script_objections import objections_to
from devices.script_programs import script_for
from devices.serial_link import SerialLink
from devices.techniques import (
    ConstantCurrent,
    ConstantVoltage,
    CyclicVoltammetry,
    Envelope,
    OpenCircuit,
    Rest,
)
from tests.devices.scripted_port import Exchange, ScriptedPort
from tests.support import wait_for

ENVELOPE = Envelope(min_voltage_v=3.0, max_voltage_v=4.2, max_current_a=1e-3)
CHARGE = ConstantCurrent(6.8e-5, 4.2, 3600.0)
SWEEP = Impedance((100.0, 1.0), amplitude_a=5e-6, bias_a=6.8e-5)
NUMBER = 1_000_001

FIRMWARE = ("tnexus11100#Dec 02 2025 10:00:00", "R*")
HELLO = (Exchange(["", "t"], FIRMWARE), Exchange(["i"], ["iNX1SIM0001"]))
STILL_THERE = Exchange(["i"], ["iNX1SIM0001"])
CELL_OFF = Exchange(["e", "cell_off", ""], ["e", ""])
PREPARE = (STILL_THERE, CELL_OFF)
ROW = "Pja80F4241i;ee800000{row}i;eb{time};ab8000E7Am,10,280;ba8000044u,10,280"
ROW_1 = ROW.format(row=1, time="80000C8m")
ROW_2 = ROW.format(row=2, time="800000A ")

ROW_LINES = (
    "add_var n 1i", "timer_get t",
    "pck_start", "pck_add u", "pck_add n", "pck_add t", "pck_add p", "pck_add c", "pck_end",
)  # fmt: skip
HEADER = (
    "var n", "var u", "var t", "var p", "var c", "store_var n 0i ee", "store_var u 1000001i ja",
    "store_var c 0 ba", "set_pgstat_chan 0",
)  # fmt: skip
CHARGE_SCRIPT = [
    *HEADER,
    "set_pgstat_mode 6", "set_max_bandwidth 10", "set_range db 68u", "set_autoranging db 68u 68u",
    "set_range ab 4250m", "set_autoranging ab 4250m 4250m",
    "set_i 68u", "cell_on", "timer_start",
    "meas 100m p ab", "meas 100m c ba", *ROW_LINES,
    "if p > 4200m", "abort", "endif", "if p < 3", "abort", "endif",
    "meas_loop_cp p c 68u 10 3600", *ROW_LINES,
    "if p > 4200m", "breakloop", "endif", "if p < 3", "breakloop", "endif",
    "endloop", "on_finished:", "cell_off",
]  # fmt: skip
BEGIN_CHARGE = Exchange(["e", *CHARGE_SCRIPT, ""], ["e", "M000A", ROW_1])


def palmsens(port: ScriptedPort, *, timeout_s: float = 2.0) -> PalmSens:
    link = SerialLink(port.resource, timeout_s=timeout_s)
    return PalmSens(link, unix_s=lambda: 1_000_000.0)


def arrived(instrument: PalmSens, *, rows: int) -> InstrumentState:
    """Wait until so many rows have come over the line."""
    states: list[InstrumentState] = []

    def enough() -> bool:
        states.append(instrument.state())
        return states[-1].last_row >= rows

    wait_for(enough)
    return states[-1]


def test_it_says_who_it_is() -> None:
    with ScriptedPort(*HELLO) as port:
        instrument = palmsens(port)
        assert instrument.connect() == InstrumentState(0, 0, output_on=False, trigger="IDLE")
        assert instrument.identity == "PalmSens,Nexus,NX1SIM0001,1100"


def test_a_stranger_is_refused_by_name() -> None:
    with (
        ScriptedPort(Exchange(["", "t"], ["tespico1600#Jan 1 2025", "R*"])) as port,
        pytest.raises(InstrumentMismatchError, match="espico1600.*none of EmStat4 LR.*Nexus"),
    ):
        palmsens(port).connect()


def test_silence_is_a_link_that_is_down() -> None:
    with (
        ScriptedPort(Exchange(["", "t"])) as port,
        pytest.raises(LinkDownError, match="nothing came within 0.2 s"),
    ):
        palmsens(port, timeout_s=0.2).connect()


def test_a_port_that_does_not_exist_is_named() -> None:
    with pytest.raises(LinkDownError, match="/dev/nothing-here"):
        PalmSens(SerialLink("ASRL/dev/nothing-here::INSTR")).connect()


def test_half_a_script_of_an_earlier_host_is_cleared_away() -> None:
    interrupted = Exchange(["", "t"], ["e!4018: Line 4, Col 1"])
    again = Exchange(["t"], FIRMWARE)
    with ScriptedPort(interrupted, again, HELLO[1]) as port:
        instrument = palmsens(port)
        instrument.connect()
        assert "NX1SIM0001" in instrument.identity


def test_another_instrument_on_the_port_is_refused() -> None:
    with ScriptedPort(*HELLO, Exchange(["i"], ["iNX1SIM0002"])) as port:
        instrument = palmsens(port)
        instrument.connect()
        with pytest.raises(InstrumentMismatchError, match="NX1SIM0002.*where.*NX1SIM0001"):
            instrument.state()


def test_a_charge_is_one_script_and_its_rows_come_by_themselves() -> None:
    with ScriptedPort(*HELLO, *PREPARE, STILL_THERE, BEGIN_CHARGE) as port:
        instrument = palmsens(port)
        instrument.connect()
        instrument.prepare(ENVELOPE)
        instrument.start(CHARGE)
        state = arrived(instrument, rows=1)
        assert state == InstrumentState(1, 1, output_on=True, trigger="RUNNING")
        assert instrument.read_new(state) == [Reading(1, 0.2, 3.706, 6.8e-5, limited=False)]
        assert instrument.read_new(state) == []
        assert instrument.programme_uid() == f"palmsens-{NUMBER}"


def test_asking_for_the_state_does_not_wait_for_a_row() -> None:
    with ScriptedPort(*HELLO, *PREPARE, STILL_THERE, BEGIN_CHARGE) as port:
        instrument = palmsens(port, timeout_s=600.0)
        instrument.connect()
        instrument.prepare(ENVELOPE)
        instrument.start(CHARGE)
        assert instrument.state().running
        assert instrument.state().last_row <= 1


def test_nothing_beyond_the_envelope_reaches_the_wire() -> None:
    with ScriptedPort(*HELLO, *PREPARE) as port:
        instrument = palmsens(port)
        instrument.connect()
        instrument.prepare(ENVELOPE)
        with pytest.raises(LimitExceededError, match="beyond 0.001 A"):
            instrument.start(ConstantCurrent(2e-3, 4.2, 60.0))
        with pytest.raises(LimitExceededError, match="beyond 0.001 A"):
            instrument.start(replace(SWEEP, bias_a=9.99e-4))
        with pytest.raises(LimitExceededError, match="periods is 3, .* measures 1"):
            instrument.start(replace(SWEEP, periods=3))


def test_start_wants_an_envelope_first() -> None:
    with ScriptedPort(*HELLO) as port:
        instrument = palmsens(port)
        instrument.connect()
        with pytest.raises(CommandError, match="prepare"):
            instrument.start(CHARGE)


def test_a_refused_script_is_told_with_its_line() -> None:
    refused = Exchange(BEGIN_CHARGE.heard, ["e!4001: Line 10, Col 16"])
    with ScriptedPort(*HELLO, *PREPARE, STILL_THERE, refused, STILL_THERE) as port:
        instrument = palmsens(port)
        instrument.connect()
        instrument.prepare(ENVELOPE)
        with pytest.raises(CommandError, match="line 10.*unknown command .set_pgstat_mode 6"):
            instrument.start(CHARGE)
        assert not instrument.state().busy


def test_an_abort_is_confirmed_and_the_relay_opened() -> None:
    aborted = Exchange(["Z"], [ROW_2, "Z", "*", ""])
    with ScriptedPort(*HELLO, *PREPARE, STILL_THERE, BEGIN_CHARGE, aborted, *PREPARE[::-1]) as port:
        instrument = palmsens(port)
        instrument.connect()
        instrument.prepare(ENVELOPE)
        instrument.start(CHARGE)
        instrument.stop()
        state = instrument.state()
        assert state == InstrumentState(1, 2, output_on=False, trigger="IDLE")
        assert [row.time_s for row in instrument.read_new(state)] == [0.2, 10.0]


def test_a_relay_that_cannot_be_opened_is_an_error() -> None:
    refused = Exchange(["e", "cell_off", ""], ["e", "!0032: Line 1"])
    with ScriptedPort(*HELLO, Exchange(["Z"], ["Z!0006"]), refused) as port:
        instrument = palmsens(port)
        instrument.connect()
        with pytest.raises(CommandError, match="cell_off.*overloaded"):
            instrument.stop()


def test_a_host_that_comes_later_adopts_the_script_and_its_numbers() -> None:
    with ScriptedPort(Exchange(["", "t"], [ROW_1, "t!0006"])) as port:
        instrument = palmsens(port)
        assert instrument.connect().busy
        instrument.adopt(ENVELOPE)
        with pytest.raises(CellBusyError, match="adopt"):
            instrument.prepare(ENVELOPE)
        port.say(ROW.format(row=7, time="800003C "))
        state = arrived(instrument, rows=7)
        assert [row.row for row in instrument.read_new(state)][-1] == 7
        assert instrument.programme_uid() == f"palmsens-{NUMBER}"


def test_an_adopted_instrument_says_its_name_when_the_script_has_ended() -> None:
    busy = Exchange(["", "t"], ["t!0006"])
    with ScriptedPort(busy, Exchange(["t"], FIRMWARE), HELLO[1]) as port:
        instrument = palmsens(port)
        instrument.connect()
        assert instrument.identity.startswith("PalmSens on ASRL")
        port.say(ROW_1, "*", "")
        wait_for(lambda: not instrument.state().busy)
        assert instrument.identity == "PalmSens,Nexus,NX1SIM0001,1100"


def test_an_error_in_the_script_ends_it() -> None:
    with ScriptedPort(*HELLO, *PREPARE, STILL_THERE, BEGIN_CHARGE, STILL_THERE) as port:
        instrument = palmsens(port)
        instrument.connect()
        instrument.prepare(ENVELOPE)
        instrument.start(CHARGE)
        port.say("!0032: Line 27")
        wait_for(lambda: not instrument.state().busy)


def test_a_script_that_fell_silent_is_asked_for() -> None:
    rapid = replace(CHARGE, period_s=0.01)
    script = script_for(rapid, ENVELOPE, ProgrammePlace(NUMBER))
    begun = Exchange(["e", *script, ""], ["e", "M000A", ROW_1])
    still_busy, restarted = Exchange(["t"], ["t!0006"]), Exchange(["t"], FIRMWARE)
    with ScriptedPort(
        *HELLO, *PREPARE, STILL_THERE, begun, still_busy, restarted, HELLO[1]
    ) as port:
        instrument = palmsens(port, timeout_s=0.3)
        instrument.connect()
        instrument.prepare(ENVELOPE)
        instrument.start(rapid)
        wait_for(lambda: not instrument.state().busy or port.done)
        assert port.done


def test_a_damaged_row_is_lost_and_the_next_ones_are_not() -> None:
    with ScriptedPort(*HELLO, *PREPARE, STILL_THERE, BEGIN_CHARGE) as port:
        instrument = palmsens(port)
        instrument.connect()
        instrument.prepare(ENVELOPE)
        instrument.start(CHARGE)
        port.say(ROW_2[:-9], "\x11NOISE", ROW.format(row=3, time="8000014 "))
        state = arrived(instrument, rows=3)
        assert [row.row for row in instrument.read_new(state)] == [1, 3]


def test_the_second_part_of_a_programme_counts_on() -> None:
    script = script_for(CHARGE, ENVELOPE, ProgrammePlace(NUMBER, rows=181, time_s=1800.2))
    assert "store_var n 181i ee" in script
    assert script.count("add_var t 1800200m") == 2


def test_a_discharge_ends_at_its_own_voltage() -> None:
    script = script_for(ConstantCurrent(-6.8e-5, None, 60.0), ENVELOPE, ProgrammePlace(NUMBER))
    assert "meas_loop_cp p c -68u 10 60" in script
    assert "if p < 3" in script
    assert "if p > 4250m" in script


def test_a_hold_goes_to_its_voltage_with_the_largest_current() -> None:
    hold = ConstantVoltage(4.1, 600.0, cutoff_current_a=1e-5, max_current_a=6.8e-5)
    script = script_for(hold, ENVELOPE, ProgrammePlace(NUMBER, rows=7, time_s=100.0))
    assert "store_var d 68u ba" in script
    loops = [line for line in script if line.startswith("meas_loop")]
    assert loops == ["meas_loop_cp p c d 10 600", "meas_loop_ca p c 4100m 10 600"]
    held = script[script.index(loops[1]) :]
    assert held[held.index("if c < 10u") + 1] == "if c > -10u"
    assert held[held.index("if t > 700") + 1] == "breakloop"
    for limit in ("if c > 136u", "if c < -136u"):
        assert held[held.index(limit) + 1] == "breakloop", "nothing else limits a potentiostat"


def test_an_open_circuit_is_watched_with_the_cell_off() -> None:
    script = script_for(OpenCircuit(60.0, period_s=1.0), ENVELOPE, ProgrammePlace(NUMBER))
    assert "cell_on" not in script
    assert "meas_loop_ocp p 1 60" in script


def test_a_rest_holds_no_current() -> None:
    script = script_for(Rest(60.0), ENVELOPE, ProgrammePlace(NUMBER))
    assert "meas_loop_cp p c 0 10 60" in script


def test_a_voltammogram_has_three_vertices_at_most() -> None:
    sweep = CyclicVoltammetry((3.5, 4.1, 3.2), 1e-3, cycles=3, step_v=5e-3)
    script = script_for(sweep, ENVELOPE, ProgrammePlace(NUMBER))
    assert "meas_loop_cv p c 3500m 4100m 3200m 5m 1m nscans(3)" in script
    assert "if c > 1m" in script
    assert "if c < -1m" in script
    there_and_back = CyclicVoltammetry((3.5, 4.1), 1e-3)
    script = script_for(there_and_back, ENVELOPE, ProgrammePlace(NUMBER))
    assert "meas_loop_cv p c 3500m 4100m 3500m 1m 1m" in script
    assert objections_to(sweep, periods=1) == []
    zigzag = replace(sweep, vertices_v=(3.5, 4.1, 3.2, 3.8))
    assert objections_to(zigzag, periods=1) == [
        ("vertices_v", "are 4; the instrument takes 3 at most")
    ]


def test_a_sweep_stays_within_what_the_family_measures() -> None:
    widest = replace(SWEEP, frequencies_hz=(1e6, 1e-5))
    assert objections_to(widest, periods=1) == []
    beyond = replace(SWEEP, frequencies_hz=(1e9, 1.0, 1e-6), periods=3)
    assert objections_to(beyond, periods=1) == [
        (
            "periods",
            "is 3, and the instrument measures 1 of each frequency; no command changes that",
        ),
        ("frequencies_hz", "1e-06 Hz is outside 1e-05 Hz to 1e+06 Hz"),
        ("frequencies_hz", "1e+09 Hz is outside 1e-05 Hz to 1e+06 Hz"),
    ]


def test_a_sweep_looks_at_the_cell_after_each_slow_point() -> None:
    script = script_for(replace(SWEEP, until_voltage_v=4.0), ENVELOPE, ProgrammePlace(NUMBER))
    assert script[script.index("cell_on") - 1] == "set_i 68u"
    assert "store_var q[1i] 1 dc" in script
    assert "meas_loop_geis f r j 5u w w 1i 68u" in script
    slow = script.index("if w < 10")
    assert script[slow + 1] == "meas 100m p ab"
    assert script.count("if p > 4") == 3


def test_a_potentiostatic_sweep_begins_at_the_open_circuit() -> None:
    script = script_for(Impedance((1.0,), amplitude_v=0.01), ENVELOPE, ProgrammePlace(NUMBER))
    on = script.index("cell_on")
    assert script[on - 4 : on] == ["meas 100m p ab", "var e", "copy_var p e", "set_e e"]
    assert "meas_loop_eis f r j 10m w w 1i e" in script
    for limit in ("if c > 2m", "if c < -2m"):
        assert script.count(limit) == 3
        assert script[script.index(limit) + 1] == "abort"


def test_the_duration_of_a_sweep_is_known_beforehand() -> None:
    full = Impedance(logarithmic_hz(1e5, 0.01, per_decade=10), amplitude_a=5e-6, periods=3)
    assert sweep_duration_s(full) / 60.0 == pytest.approx(24.4, abs=0.2)
    short = Impedance(logarithmic_hz(1e5, 0.01, per_decade=6), amplitude_a=5e-6)
    assert sweep_duration_s(short) / 60.0 == pytest.approx(5.3, abs=0.1)
    refuse_slow_sweep(short, interval_s=1800.0, who="cell")
    with pytest.raises(LimitExceededError, match="cell: a sweep of 14.. s does not fit into 1200"):
        refuse_slow_sweep(full, interval_s=1200.0, who="cell")


def test_a_sweep_that_the_limits_end_at_once_is_no_spectrum() -> None:
    sweep = script_for(SWEEP, ENVELOPE, ProgrammePlace(NUMBER))
    ended = Exchange(["e", *sweep, ""], ["e", ROW_1, ""])
    with ScriptedPort(*HELLO, *PREPARE, STILL_THERE, ended, STILL_THERE) as port:
        instrument = palmsens(port)
        instrument.connect()
        instrument.prepare(ENVELOPE)
        instrument.start(SWEEP)
        wait_for(lambda: not instrument.state().running)
        assert instrument.take_spectra() == []


def test_a_spectrum_has_the_cell_before_and_after() -> None:
    point = "Pja80F4241i;eb8000005 ;dc8000064 ;cc80002BCm,10,280;cd7FFFFCEm,10,280"
    sweep = script_for(SWEEP, ENVELOPE, ProgrammePlace(NUMBER))
    said = ["e", ROW_1, "L", "M000E", point, "*", ROW_2, "+", ""]
    swept = Exchange(["e", *sweep, ""], said)
    with ScriptedPort(*HELLO, *PREPARE, STILL_THERE, swept, STILL_THERE) as port:
        instrument = palmsens(port)
        instrument.connect()
        instrument.prepare(ENVELOPE)
        assert instrument.take_spectra() == []
        instrument.start(SWEEP)
        wait_for(lambda: not instrument.state().running)
        (spectrum,) = instrument.take_spectra()
    assert spectrum.frequency_hz.tolist() == [100.0]
    assert spectrum.impedance_ohm.tolist() == [0.7 - 0.05j]
    assert not spectrum.complete
    assert spectrum.before.row == 1
    assert math.isclose(spectrum.duration_s, 9.8)
    assert spectrum.drift_v == 0.0
    document = spectrum.as_document()
    assert document["voltage_after_v"] == 3.706
    assert document["z_imag_ohm"] == [-0.05]
