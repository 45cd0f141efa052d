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
 `- CellBusyError                       the cell runs another programme

Every message names who, what was asked, the limit or what was found, and what to do next.
"""


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
