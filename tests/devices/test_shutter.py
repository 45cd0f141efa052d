import pytest

from devices.microscope import Microscope


def test_the_shutter_does_as_it_is_told_and_says_so(txm: Microscope) -> None:
    txm.shutter.set("open").wait(5.0)
    assert txm.shutter.read()["shutter_open"]["value"] == 1
    txm.shutter.set("closed").wait(5.0)
    assert txm.shutter.read()["shutter_open"]["value"] == 0


def test_a_shutter_knows_two_words(txm: Microscope) -> None:
    with pytest.raises(ValueError, match='"open" or "closed"'):
        txm.shutter.set("ajar")  # type: ignore[arg-type]


def test_stopping_everything_leaves_the_shutter_as_it_is(txm: Microscope) -> None:
    txm.shutter.set("open").wait(5.0)
    txm.shutter.stop()
    assert txm.shutter.is_open
    txm.shutter.set("closed").wait(5.0)
