"""How an axis moves: ramps, cruise, mechanical play and encoder, as functions of time."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Phase:
    """A stretch of constant acceleration (signed, in units of the axis and seconds)."""

    duration_s: float
    velocity: float
    acceleration: float

    def distance(self, elapsed_s: float) -> float:
        """Give the way made `elapsed_s` after the phase began."""
        return self.velocity * elapsed_s + 0.5 * self.acceleration * elapsed_s**2


@dataclass(frozen=True)
class Path:
    """Phases one after another, from `start` to `end`."""

    start: float
    end: float
    phases: tuple[Phase, ...] = ()

    @property
    def duration_s(self) -> float:
        """Time from the start to standing still at the end."""
        return sum(phase.duration_s for phase in self.phases)

    def position(self, elapsed_s: float) -> float:
        """Give the position `elapsed_s` after the start; exactly `end` when it is over."""
        if elapsed_s >= self.duration_s:
            return self.end
        position = self.start
        for phase in self.phases:
            if elapsed_s <= phase.duration_s:
                return position + phase.distance(max(elapsed_s, 0.0))
            position += phase.distance(phase.duration_s)
            elapsed_s -= phase.duration_s
        return self.end

    def velocity(self, elapsed_s: float) -> float:
        """Give the signed velocity `elapsed_s` after the start; 0 before and after the motion."""
        if elapsed_s < 0.0:
            return 0.0
        for phase in self.phases:
            if elapsed_s < phase.duration_s:
                return phase.velocity + phase.acceleration * elapsed_s
            elapsed_s -= phase.duration_s
        return 0.0


def travel(start: float, target: float, *, velocity: float, ramp_s: float) -> Path:
    """Plan a trapezoid, or a triangle if the way is too short to reach full velocity.

    Args:
        start: Where the axis stands.
        target: Where it shall stand.
        velocity: Full speed, positive.
        ramp_s: Time from standing to full speed (ACCL of a motor record).
    """
    distance = abs(target - start)
    if distance == 0.0:
        return Path(start, target)
    sign = math.copysign(1.0, target - start)
    if ramp_s < 1e-6:
        return Path(start, target, (Phase(distance / velocity, sign * velocity, 0.0),))
    acceleration = velocity / ramp_s
    peak = min(velocity, math.sqrt(distance * acceleration))
    ramp_s = peak / acceleration
    cruise_s = distance / peak - ramp_s
    return Path(
        start,
        target,
        (
            Phase(ramp_s, 0.0, sign * acceleration),
            Phase(cruise_s, sign * peak, 0.0),
            Phase(ramp_s, sign * peak, -sign * acceleration),
        ),
    )


def halt(path: Path, elapsed_s: float, *, deceleration: float) -> Path:
    """Plan how a motion that is under way comes to rest at once."""
    start, velocity = path.position(elapsed_s), path.velocity(elapsed_s)
    if velocity == 0.0:
        return Path(start, start)
    phase = Phase(abs(velocity) / deceleration, velocity, -math.copysign(deceleration, velocity))
    return Path(start, start + phase.distance(phase.duration_s), (phase,))


class Axis:
    """A motor that drags a load through mechanical play, read by an encoder on the load.

    Args:
        position: Where motor and load stand at the beginning.
        play: Way that the motor can make before the load follows.
        encoder_noise: Standard deviation of one reading.
        seed: Of the encoder noise.
    """

    def __init__(
        self, position: float = 0.0, *, play: float = 0.0, encoder_noise: float = 0.0, seed: int = 0
    ) -> None:
        self._path = Path(position, position)
        self._began_s = 0.0
        self._deceleration = 1.0
        self._load_at_start = position
        self._half_play = play / 2
        self._encoder_noise = encoder_noise
        self._random = random.Random(seed)

    @property
    def arrival_s(self) -> float:
        """Time at which the present motion ends."""
        return self._began_s + self._path.duration_s

    def go(self, target: float, *, velocity: float, ramp_s: float, now_s: float) -> None:
        """Begin to move the motor to `target`."""
        self._deceleration = velocity / max(ramp_s, 1e-3)
        start = self.motor(now_s)
        self._follow(travel(start, target, velocity=velocity, ramp_s=ramp_s), now_s)

    def halt(self, now_s: float) -> None:
        """Begin to brake."""
        elapsed_s = now_s - self._began_s
        self._follow(halt(self._path, elapsed_s, deceleration=self._deceleration), now_s)

    def motor(self, now_s: float) -> float:
        """Give the position of the motor's side of the play."""
        return self._path.position(now_s - self._began_s)

    def load(self, now_s: float) -> float:
        """Give the position of what the beam meets."""
        motor = self.motor(now_s)
        return min(max(self._load_at_start, motor - self._half_play), motor + self._half_play)

    def encoder(self, now_s: float) -> float:
        """Read the encoder: the load's position with noise."""
        noise = self._random.gauss(0.0, self._encoder_noise) if self._encoder_noise else 0.0
        return self.load(now_s) + noise

    def _follow(self, path: Path, now_s: float) -> None:
        self._load_at_start = self.load(now_s)
        self._path, self._began_s = path, now_s
