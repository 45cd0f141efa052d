"""Which instruments speak the SCPI command set of a Keithley 2450."""

from __future__ import annotations

import re

from devices.errors import InstrumentMismatchError, LinkDownError
from devices.link import Link

__all__ = ["refuse_strangers"]

_MODELS = ("2450", "2460", "2461", "2470")
_OLDEST_FIRMWARE = (1, 6)


def refuse_strangers(link: Link) -> None:
    """Make sure that the instrument on an open link is one that we know, and answers in step.

    Raises:
        InstrumentMismatchError: If another model, firmware or command set answers.
        LinkDownError: If nobody answers, or another query than was asked.
    """
    _refuse_model(link)
    language = link.query("*LANG?", accept="SCPI".__eq__)
    if language != "SCPI":
        raise InstrumentMismatchError(
            f"{link.identity}: its command set is {language}; "
            "choose SCPI in its menu and switch it off and on"
        )
    if not link.in_step():
        link.close()
        raise LinkDownError(f"{link.resource}: replies are out of step with queries")


def _refuse_model(link: Link) -> None:
    identity = link.identity
    fields = identity.upper().split(",")
    known = len(fields) == 4 and "KEITHLEY" in fields[0] and fields[1].endswith(_MODELS)
    firmware = re.match(r"(\d+)\.(\d+)", fields[3].strip()) if known else None
    if firmware is None:
        # It may have been noise: the next one that answers is no stranger for that.
        link.forget()
        raise InstrumentMismatchError(
            f"{link.resource}: {identity!r} is none of {', '.join(_MODELS)}; check the address"
        )
    if (int(firmware[1]), int(firmware[2])) < _OLDEST_FIRMWARE:
        raise InstrumentMismatchError(f"{identity}: firmware 1.6 or newer is needed")
