"""The trigger model of a Keithley 2450: a small program that needs no host while it runs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from simulators.reading_buffer import Reading
from simulators.scpi import ScpiError

MOST_BLOCKS = 63
_MOST_BLOCKS_WITHOUT_TIME = 1000


@dataclass(frozen=True)
class NoOperation:
    """Go on."""


@dataclass(frozen=True)
class ClearBuffer:
    """Forget the readings of a buffer."""

    buffer: str


@dataclass(frozen=True)
class SwitchOutput:
    """Turn the output on or off."""

    on: bool


@dataclass(frozen=True)
class NextLevel:
    """Source the next of these levels; behind the last one comes the first again."""

    levels: tuple[float, ...]


@dataclass(frozen=True)
class Delay:
    """Wait."""

    duration_s: float


@dataclass(frozen=True)
class Measure:
    """Make readings into a buffer."""

    buffer: str
    count: int = 1


@dataclass(frozen=True)
class BranchOnLimit:
    """Go to `target` if the reading of block `measured` (0: the newest) is ABOV, BEL, IN or OUT."""

    kind: str
    low: float
    high: float
    target: int
    measured: int


@dataclass(frozen=True)
class BranchOnCount:
    """Go to `target` until this block has been reached `count` times, then go on and begin anew."""

    count: int
    target: int


@dataclass(frozen=True)
class BranchOnEvent:
    """Go to `target` if the event (COMM: a *TRG, SLIM: source at its limit) has happened."""

    event: str
    target: int


@dataclass(frozen=True)
class BranchAlways:
    """Go to `target`."""

    target: int


Block = (
    NoOperation
    | ClearBuffer
    | SwitchOutput
    | NextLevel
    | Delay
    | Measure
    | BranchOnLimit
    | BranchOnCount
    | BranchOnEvent
    | BranchAlways
)


class Hardware(Protocol):
    """What a trigger model can do to its instrument."""

    @property
    def aperture_s(self) -> float:
        """How long a reading takes."""

    @property
    def source_at_limit(self) -> bool:
        """Whether the source is at its limit now."""

    def advance_to(self, time_s: float) -> None:
        """Let the cell live until this time; an earlier time does nothing."""

    def measure(self, buffer: str) -> Reading:
        """Make a reading now."""

    def switch_output(self, on: bool) -> None:
        """Turn the output on or off."""

    def source_level(self, level: float) -> None:
        """Source this from now on."""

    def clear_buffer(self, buffer: str) -> None:
        """Forget the readings of a buffer."""


class TriggerModel:
    """Blocks and the one that is carried out.

    Args:
        hardware: The instrument.
    """

    def __init__(self, hardware: Hardware) -> None:
        self._hardware = hardware
        self._blocks: dict[int, Block] = {}
        self._state = "EMPTY"
        self._position = 0
        self._time_s = 0.0
        self._commanded = False
        self._counts: dict[int, int] = {}
        self._readings: dict[int, Reading] = {}

    @property
    def running(self) -> bool:
        """Whether a program is carried out."""
        return self._state == "RUNNING"

    @property
    def due_s(self) -> float:
        """When the next block is carried out; infinite while nothing runs."""
        return self._time_s if self.running else math.inf

    @property
    def state(self) -> str:
        """The reply to :TRIGger:STATe?."""
        return f"{self._state};{self._state};{self._position}"

    def clear(self) -> None:
        """Forget all blocks."""
        self._blocks.clear()
        self._state, self._position = "EMPTY", 0

    def put(self, number: int, block: Block) -> None:
        """Set one block."""
        self._blocks[number] = block
        self._state = "BUILDING"

    def start(self, time_s: float) -> None:
        """Begin with the first block.

        Raises:
            ScpiError: -213 it runs already, -200 there are no blocks.
        """
        if self.running:
            raise ScpiError(-213, "trigger model is running")
        if not self._blocks:
            raise ScpiError(-200, "trigger model has no blocks")
        self._state, self._position, self._time_s = "RUNNING", min(self._blocks), time_s
        self._commanded = False
        self._counts.clear()
        self._readings.clear()

    def abort(self) -> None:
        """Stop where it is; the output stays as it is."""
        if self.running:
            self._state = "ABORTED"

    def command(self) -> None:
        """Note a *TRG for the next block that asks for it."""
        self._commanded = self.running

    def run_until(self, time_s: float) -> None:
        """Carry out all blocks that are due."""
        idle_blocks = 0
        while self.running and self._time_s <= time_s:
            before_s = self._time_s
            self._do_block()
            idle_blocks = 0 if self._time_s > before_s else idle_blocks + 1
            if idle_blocks > _MOST_BLOCKS_WITHOUT_TIME:
                self._state = "FAILED"

    def _do_block(self) -> None:
        number = self._position
        block = self._blocks.get(number)
        if block is None:
            self._state = "IDLE"
            return
        target = self._branch(number, block)
        if target is None:
            self._act(number, block)
            target = number + 1
        self._position = target

    def _act(self, number: int, block: Block) -> None:
        match block:
            case ClearBuffer(buffer):
                self._hardware.clear_buffer(buffer)
            case SwitchOutput(on):
                self._hardware.advance_to(self._time_s)
                self._hardware.switch_output(on)
            case NextLevel(levels):
                reached = self._counts.get(number, 0)
                self._counts[number] = (reached + 1) % len(levels)
                self._hardware.advance_to(self._time_s)
                self._hardware.source_level(levels[reached])
            case Delay(duration_s):
                self._time_s += duration_s
            case Measure(buffer, count):
                for _ in range(count):
                    self._measure(number, buffer)

    def _measure(self, number: int, buffer: str) -> None:
        self._hardware.advance_to(self._time_s)
        self._readings[number] = self._readings[0] = self._hardware.measure(buffer)
        self._time_s += self._hardware.aperture_s

    def _branch(self, number: int, block: Block) -> int | None:
        """Give the block to go to, or None for the next."""
        match block:
            case BranchAlways(target):
                return target
            case BranchOnLimit(kind, low, high, target, measured):
                reading = self._readings.get(measured) or self._readings.get(0)
                hit = reading is not None and _is_hit(kind, low, high, reading.value)
                return target if hit else None
            case BranchOnCount(count, target):
                reached = self._counts.get(number, 0) + 1
                self._counts[number] = reached % count
                return target if reached < count else None
            case BranchOnEvent(event, target):
                return target if self._has_happened(event) else None
        return None

    def _has_happened(self, event: str) -> bool:
        if event == "COMM":
            happened, self._commanded = self._commanded, False
            return happened
        return event == "SLIM" and self._hardware.source_at_limit


def _is_hit(kind: str, low: float, high: float, value: float) -> bool:
    match kind:
        case "ABOV":
            return value > high
        case "BEL":
            return value < low
        case "IN":
            return low <= value <= high
    return value < low or value > high
