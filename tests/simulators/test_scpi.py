import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.scpi import (
    CommandTable,
    Parameters,
    ScpiError,
    finish,
    interpret,
    spellings,
    split_outside_quotes,
)
from simulators.scpi_settings import Choice, Count, Number, SettingsTable, Switch
from simulators.scpi_status import StatusModel


@pytest.fixture
def table():
    table = CommandTable()
    table.add(":SOURce[1]:CURRent:VLIMit[:LEVel]?", lambda _: "limit")
    table.add(":SOURce[1]:CURRent:RANGe?", lambda _: "range")
    table.add(":SOURce[1]:FUNCtion", lambda p: p.text(), takes=1)
    table.add("*IDN?", lambda _: "me")
    return table


def run(table, line):
    errors = []
    return finish(interpret(line, table.run, errors.append)), [error.code for error in errors]


@pytest.mark.parametrize(
    "header",
    [
        ":SOUR:CURR:VLIM?",
        "SOUR:CURR:VLIM?",
        ":SOURce1:CURRent:VLIMit:LEVel?",
        ":source:current:vlimit?",
        ":sour1:CURR:vlim:lev?",
    ],
)
def test_short_and_long_forms_in_any_case_are_one_command(table, header):
    assert run(table, header) == ("limit", [])


@pytest.mark.parametrize(
    "header", [":SOURC:CURR:VLIM?", ":SOUR2:CURR:VLIM?", ":SOUR:CURR:VLIM", ""]
)
def test_anything_else_is_an_undefined_header(table, header):
    assert run(table, header) == (None, [-113] if header else [])


def test_replies_of_a_compound_message_come_as_one_message(table):
    assert run(table, "*IDN?;:SOUR:CURR:VLIM?;:SOUR:CURR:RANG?") == ("me;limit;range", [])


def test_a_header_without_colon_goes_on_from_the_path_before_it(table):
    assert run(table, ":SOUR:CURR:VLIM?;RANG?") == ("limit;range", [])
    assert run(table, ":SOUR:CURR:VLIM?;*IDN?;RANG?") == ("limit;me;range", [])
    assert run(table, ":SOUR:CURR:VLIM?;SOUR:CURR:RANG?") == ("limit", [-113])


def test_one_bad_command_does_not_stop_the_others(table):
    assert run(table, ":BAD;*IDN?") == ("me", [-113])


def test_a_semicolon_between_quotes_is_a_letter(table):
    assert run(table, ":SOUR:FUNC 'a;b'") == ("a;b", [])
    assert split_outside_quotes("a,'b,c',\"d,e\"", ",") == ["a", "'b,c'", '"d,e"']


def test_too_many_parameters_and_binary_letters_are_errors(table):
    assert run(table, ":SOUR:FUNC a,b") == (None, [-108])
    assert run(table, "\x80\xff\x00:SOUR:FUNC a") == (None, [-101])


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.text(max_size=40))
def test_no_message_breaks_the_parser(line):
    status = StatusModel(lambda: "now")
    table = CommandTable()
    status.teach(table)
    finish(interpret(line, table.run, status.report))


def test_two_patterns_for_one_header_are_a_mistake(table):
    with pytest.raises(ValueError, match="repeats"):
        table.add(":SOURce:CURRent:RANGe?", lambda _: "")


def test_an_optional_node_can_be_left_out():
    assert set(spellings(":OUTPut[1][:STATe]?")) == {
        f"{output}{one}{state}?"
        for output in ("OUTP", "OUTPUT")
        for one in ("", "1")
        for state in ("", ":STAT", ":STATE")
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-4", 1e-4), ("+.5", 0.5), ("10uA", 1e-5), ("10 ua", 1e-5), ("1MA", 1e-3), ("MAX", 1.05),
     ("min", -1.05), ("2", None)],
)  # fmt: skip
def test_numbers_come_with_units_multipliers_and_words(text, value):
    parameters = Parameters([text])
    if value is None:
        with pytest.raises(ScpiError):
            parameters.number(low=-1.05, high=1.05, unit="A")
    else:
        assert parameters.number(low=-1.05, high=1.05, unit="A") == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "code"),
    [("nan", -222), ("inf", -222), ("-Infinity", -222), ("1e999", -222), ("abc", -104),
     ("", -109), ("1V", -131), ("1kV", -131), ("1_000", -104), ("0x10", -104)],
)  # fmt: skip
def test_what_is_no_number_is_refused(text, code):
    with pytest.raises(ScpiError) as error:
        Parameters([text]).number(unit="A")
    assert error.value.code == code


def test_a_unit_where_none_belongs_is_refused():
    with pytest.raises(ScpiError) as error:
        Parameters(["5V"]).number()
    assert error.value.code == -138


def test_a_missing_parameter_is_an_error_or_its_default():
    with pytest.raises(ScpiError) as error:
        Parameters().number()
    assert error.value.code == -109
    assert Parameters().number(default=3.0) == 3.0


def test_switches_and_choices_take_only_their_words():
    assert Parameters(["on"]).switch()
    assert not Parameters(["0"]).switch()
    assert Parameters(["himpedance"]).choice(("NORMal", "HIMPedance")) == "HIMP"
    for read in (Parameters(["2"]).switch, lambda: Parameters(["HIM"]).choice(("HIMPedance",))):
        with pytest.raises(ScpiError) as error:
            read()
        assert error.value.code == -224


def test_settings_are_guarded_queried_and_reset_together():
    table = CommandTable()
    locked = False

    def guard():
        if locked:
            raise ScpiError(-221)

    values = SettingsTable(table, guard)
    values.add(":LEVel", Number(1.0, low=0.0, high=9.0, unit="V"))
    values.add(":RANGe", Number(2.0, low=0.0, high=20.0, magnitude=True, ranges=(2.0, 20.0)))
    values.add(":COUNt", Count(1, low=1, high=10))
    values.add(":STATe", Switch(), guarded=False)
    values.add(":MODE", Choice("FIRSt", "SECond"))
    run(table, ":LEV 5V;:RANG -3;:COUN 7;:STAT ON;:MODE SEC")
    reading = ":LEV?;:RANG?;:COUN?;:STAT?;:MODE?"
    assert run(table, reading)[0] == "5.000000E+00;2.000000E+01;7;1;SEC"
    assert run(table, ":LEV? MAX")[0] == "9.000000E+00"
    assert run(table, ":LEV DEF;:LEV?;:LEV") == ("1.000000E+00", [-109])
    locked = True
    assert run(table, ":LEV 6;:STAT OFF") == (None, [-221])
    values.reset()
    assert run(table, reading)[0] == "1.000000E+00;2.000000E+00;1;0;FIRS"


def test_the_error_queue_gives_the_oldest_first_and_ends_at_a_thousand():
    status = StatusModel(lambda: "2026/01/01 00:00:00.000")
    table = CommandTable()
    status.teach(table)
    for _ in range(1100):
        status.report(ScpiError(-113))
    assert run(table, ":SYST:ERR:COUN?")[0] == "1000"
    first = run(table, ":SYST:ERR?")[0]
    assert first == '-113,"Undefined header;1;2026/01/01 00:00:00.000"'
    for _ in range(998):
        run(table, ":SYST:ERR?")
    assert run(table, ":SYST:ERR?")[0].startswith("-350,")
    assert run(table, ":SYST:ERR?")[0] == '0,"No error;0;0 0"'


def test_status_registers_tell_what_happened():
    status = StatusModel(lambda: "now")
    table = CommandTable()
    status.teach(table)
    assert run(table, "*ESR?;*ESR?")[0] == "128;0"
    run(table, "*ESE 32;*SRE 32")
    status.report(ScpiError(-113))
    assert run(table, "*STB?")[0] == str(4 | 32 | 64)
    assert run(table, "*CLS;*STB?;*ESR?")[0] == "0;0"
    assert run(table, "*OPC;*ESR?;*OPC?")[0] == "1;1"
