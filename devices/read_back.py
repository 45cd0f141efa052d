"""What a Keithley says that its settings are, compared with what they must be.

A reply that is not as it must be is asked for again over a new session: noise looks the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from devices.errors import CommandError
from devices.link import Link

__all__ = ["Setting", "is_high_impedance", "output_is_on", "require"]

_OFF_STATES = ("NORM", "HIMP", "ZERO", "GUAR")


@dataclass(frozen=True)
class Setting:
    """What the instrument must answer.

    Attributes:
        query: Asks for it.
        value: Text, or a number that is compared as well as the instrument writes numbers.
    """

    query: str
    value: str | float

    def is_met_by(self, reply: str) -> bool:
        """Tell whether a reply says so."""
        if isinstance(self.value, str):
            return reply == self.value
        try:
            return abs(float(reply) - self.value) <= 1e-12 + 1e-4 * abs(self.value)
        except ValueError:
            return False


def require(link: Link, *settings: Setting) -> None:
    """Ask for settings in one message: they are those of one instant, on either side of a failure.

    Raises:
        CommandError: If one of them is another one.
        LinkDownError: If nobody answers.
    """

    def wrong(reply: str) -> list[tuple[Setting, str]]:
        replies = reply.split(";")
        replies += [""] * (len(settings) - len(replies))
        pairs = zip(settings, replies, strict=False)
        return [(setting, said) for setting, said in pairs if not setting.is_met_by(said)]

    query = ";".join(setting.query for setting in settings)
    reply = link.query(query, accept=lambda reply: not wrong(reply))
    for setting, said in wrong(reply):
        value = setting.value if isinstance(setting.value, str) else f"{setting.value:g}"
        raise CommandError(
            f"{link.identity}: {setting.query} reads back {said!r} instead of {value}"
        )


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


def _is_off_state(reply: str) -> bool:
    return reply.startswith(_OFF_STATES)
