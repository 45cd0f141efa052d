"""What a Keithley says that its settings are, compared with what they must be.

A reply that is not as it must be is asked for again over a new session: noise looks the same.
"""

from __future__ import annotations

from collections.abc import Callable

from devices.errors import CommandError
from devices.link import Link

__all__ = ["is_high_impedance", "output_is_on", "require_number", "require_reply"]

_OFF_STATES = ("NORM", "HIMP", "ZERO", "GUAR")


def require_reply(link: Link, query: str, value: str) -> None:
    """Ask for a setting that must be so.

    Raises:
        CommandError: If it is another one.
        LinkDownError: If nobody answers.
    """
    _require(link, query, value.__eq__, value)


def require_number(link: Link, query: str, value: float) -> None:
    """Ask for a setting that must be this number, as well as the instrument writes numbers.

    Raises:
        CommandError: If it is another one.
        LinkDownError: If nobody answers.
    """
    _require(link, query, lambda reply: _is_near(value, reply), f"{value:g}")


def is_high_impedance(link: Link) -> bool:
    """Tell whether "off" is an open relay, for both kinds of source.

    Raises:
        LinkDownError: If nobody answers.
    """
    queries = (f":OUTP:{kind}:SMOD?" for kind in ("VOLT", "CURR"))
    replies = (link.query(query, accept=_is_off_state) for query in queries)
    return all(reply.startswith("HIMP") for reply in replies)


def output_is_on(link: Link) -> bool:
    """Tell whether the source is connected to the cell.

    Raises:
        LinkDownError: If nobody answers.
    """
    return link.query(":OUTP?", accept=lambda reply: reply in {"0", "1"}) != "0"


def _require(link: Link, query: str, accept: Callable[[str], bool], value: str) -> None:
    reply = link.query(query, accept=accept)
    if not accept(reply):
        raise CommandError(f"{link.identity}: {query} reads back {reply!r} instead of {value}")


def _is_off_state(reply: str) -> bool:
    return reply.startswith(_OFF_STATES)


def _is_near(value: float, reply: str) -> bool:
    try:
        return abs(float(reply) - value) <= 1e-12 + 1e-4 * abs(value)
    except ValueError:
        return False
