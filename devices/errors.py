"""What can go wrong with an instrument.

DeviceError (RuntimeError)
 |- LimitExceededError (ValueError)     beyond what the device may do; nothing was sent
 |- NotConnectedError                   no instrument, IOC or camera answers
 |- NotInTimeError (TimeoutError)       did not get there in the time that physics allows
 |- MotionError                         a motor stands elsewhere, or reports an alarm
 |- CameraError                         the camera or its file writer is not in a state to go on
 |   `- FrameMissingError               frames and the points they belong to no longer match
 |- LinkError                           the line of a message-based instrument
 |   |- LinkDownError                   no answer on it, or no line
 |   `- CommandError                    the instrument refused or misunderstood a command
 |- InstrumentMismatchError             somebody else's instrument answers, or the wrong model
 |- UnsupportedTechniqueError           the instrument cannot do what was asked; it says what it can
 |- ProgrammeError (ValueError)         names each step and field of a programme that is wrong
 `- CellBusyError                       the cell runs another programme
TechniqueError (ValueError)             a number of a technique makes no sense; names the field

Every message names who, what was asked, the limit or what was found, and what to do next.
"""

from collections.abc import Sequence
from dataclasses import dataclass


class DeviceError(RuntimeError):
    """Say that an instrument could not do what was asked."""


class LimitExceededError(DeviceError, ValueError):
    """Refuse a request beyond the limits of a device; nothing went over the wire."""


class NotConnectedError(DeviceError):
    """Name everything that does not answer."""


class NotInTimeError(DeviceError, TimeoutError):
    """Name what did not happen within its computed time."""


class MotionError(DeviceError):
    """Say where a motor stopped, where it should be, and why."""


class CameraError(DeviceError):
    """Say in which state the camera or its file writer is stuck."""


class FrameMissingError(CameraError):
    """Name the frames that were triggered and are not in the file."""


class LinkError(DeviceError):
    """Say that a conversation with an instrument failed."""


class LinkDownError(LinkError):
    """Say that the instrument does not answer at all."""


class CommandError(LinkError):
    """Repeat the command and the instrument's own words about it."""


class InstrumentMismatchError(DeviceError):
    """Name the instrument that was expected and the one that answers."""


class CellBusyError(DeviceError):
    """Name the programme that runs on the cell already."""


class UnsupportedTechniqueError(DeviceError):
    """Name the technique that an instrument lacks, and those that it has."""


class TechniqueError(ValueError):
    """Name the field of a technique, its value, and what it must be.

    Args:
        technique: It, or its class.
        field: Of the technique.
        message: What is wrong with it.

    Attributes:
        field: Of the technique.
        message: Without the name of the field.
    """

    def __init__(self, technique: object, field: str, message: str) -> None:
        kind = technique if isinstance(technique, type) else type(technique)
        super().__init__(f"{kind.__name__}: {field} {message}")
        self.field = field
        self.message = message


@dataclass(frozen=True)
class StepProblem:
    """What is wrong with one step of a programme.

    Attributes:
        step: Number in the list, from 1; 0 for the programme as a whole.
        field: Of the step.
        message: What it is and what it must be.
    """

    step: int
    field: str
    message: str

    def __str__(self) -> str:
        where = f"step {self.step}" if self.step else "programme"
        return f"{where}: {self.field} {self.message}"


class ProgrammeError(DeviceError, ValueError):
    """Name every step and field of a programme that is wrong; nothing was started.

    Attributes:
        problems: One for each.
    """

    def __init__(self, problems: Sequence[StepProblem]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = tuple(problems)
