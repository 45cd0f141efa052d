"""What a plan would do, as a list, with names in place of devices."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from bluesky.utils import Msg, MsgGenerator

READINGS: dict[str, Any] = {"ring": {"ring_current_ma": {"value": 500.0}}}


@dataclass(eq=False)
class Named:
    """A device that only has a name and parts; plans never call it, they yield it."""

    name: str
    parent: Any = None
    parts: dict[str, Any] = field(default_factory=dict)

    def __getattr__(self, part: str) -> Any:
        # `rewindable` and `trigger` are what Bluesky's stubs look for; these devices have neither.
        if part.startswith("_") or part in {"parts", "rewindable", "trigger"}:
            raise AttributeError(part)
        return self.parts.setdefault(part, Named(f"{self.name}.{part}", self))


def microscope() -> Any:
    names = ("mono", "camera", "sample", "shutter", "ring", "heater", "presence")
    return SimpleNamespace(**{name: Named(name) for name in names})


def answer(msg: Msg) -> Any:
    """Answer a message as a RunEngine with healthy devices would."""
    if msg.command == "open_run":
        return "uid"
    return READINGS.get(msg.obj.name, {}) if msg.command == "read" else None


def messages(plan: MsgGenerator[Any], reply: Callable[[Msg], Any] = answer) -> list[Msg]:
    """Run a plan to its end; an exception among the replies is thrown into it."""
    seen: list[Msg] = []
    response: Any = None
    try:
        while True:
            msg = plan.throw(response) if isinstance(response, Exception) else plan.send(response)
            seen.append(msg)
            response = reply(msg)
    except StopIteration:
        return seen


def commands(seen: list[Msg]) -> list[tuple[str, str | None]]:
    return [(msg.command, getattr(msg.obj, "name", None)) for msg in seen]
