"""Statuses that always end: when the work is done, or with a sentence about what went wrong.

A Status of a device can end in four ways: somebody finishes it, somebody fails it, its time runs
out, or the IOC behind the device disappears. `finish` and `fail` may be called from any thread and
any number of times: the first call counts. `BoundedStatus` knows what to say when its time runs
out; `ConnectionGuard` fails everything that waits on an IOC that is gone.
"""

import contextlib
import threading
from collections.abc import Callable, Iterable
from typing import Any

from epics.ca import CASeverityException, ChannelAccessException, ChannelAccessGetFailure
from ophyd import Signal
from ophyd.status import DeviceStatus
from ophyd.utils import DisconnectedError
from ophyd.utils.errors import InvalidState

from devices.deadlines import deadlines
from devices.errors import DeviceError, NotConnectedError, NotInTimeError

# What a put, a get or a wait raises when the IOC behind it dies at that moment.
CHANNEL_ACCESS_TROUBLE = (
    CASeverityException,
    ChannelAccessException,
    ChannelAccessGetFailure,
    DisconnectedError,
    TimeoutError,
)


def finish(status: Any) -> None:
    """End a Status well, unless it has ended."""
    with contextlib.suppress(InvalidState):
        if not status.done:
            status.set_finished()


def fail(status: Any, error: Exception) -> None:
    """End a Status with an error, unless it has ended."""
    with contextlib.suppress(InvalidState):
        if not status.done:
            status.set_exception(error)


class BoundedStatus(DeviceStatus):
    """A Status with a finite time, which knows what it waits for.

    Its callbacks run in the thread that ends it, often Channel Access's own: they must not block.

    Args:
        device: Whose work this is. It is not stopped when its Status fails, as ophyd would: the
            stop would hit whatever the device does by then.
        doing: What is under way, to complete "mono: ... is not done".
        timeout_s: From physics: how long it can take when all is well, and a margin.
        late: Makes the error for the case that time runs out, when there is more to say.
    """

    def __init__(
        self,
        device: Any,
        *,
        doing: str,
        timeout_s: float,
        late: Callable[[], DeviceError] | None = None,
    ) -> None:
        self.doing = doing
        self._late = late or self._not_in_time
        super().__init__(device, call_stop_on_failure=False)
        self._timeout = timeout_s  # ophyd's own would start a thread for each Status: 1 ms
        deadlines().add(self)

    def expire(self) -> None:
        """Fail because time is up, in words that name the work and a remedy."""
        if not self.done:
            fail(self, self._late())

    def _not_in_time(self) -> DeviceError:
        return NotInTimeError(
            f"{self.device.name}: {self.doing} is not done after {self.timeout:.1f} s; "
            "look at the device's own screen before trying again"
        )


class ConnectionGuard:
    """Fails whatever is under way on a device as soon as one of its signals loses the IOC.

    Channel Access reports a dead IOC within milliseconds and a silent one after EPICS_CA_CONN_TMO.

    Args:
        device: Named in the errors.
        signals: Those whose loss makes waiting pointless; subscribed once, for ever.
    """

    def __init__(self, device: Any, signals: Iterable[Any]) -> None:
        self._device = device
        self._signals = tuple(signals)
        self._pending: set[BoundedStatus] = set()
        self._lock = threading.Lock()
        for signal in self._signals:
            signal.subscribe(self._on_metadata, event_type=Signal.SUB_META, run=False)

    def watch(self, status: BoundedStatus) -> BoundedStatus:
        """Fail this Status if the connection is gone, now or before it ends."""
        with self._lock:
            self._pending.add(status)
        status.add_callback(self._forget)
        for signal in self._signals:
            if not signal.connected:
                fail(status, self._gone(signal, status))
        return status

    @property
    def connected(self) -> bool:
        """Tell whether all of the signals are connected; ophyd's own way asks every component."""
        return all(signal.connected for signal in self._signals)

    def require_connected(self) -> None:
        """Refuse to start anything without the IOC.

        Raises:
            NotConnectedError: Naming the signals that do not answer.
        """
        lost = [signal.pvname for signal in self._signals if not signal.connected]
        if lost:
            raise NotConnectedError(
                f"{self._device.name}: no IOC serves {', '.join(lost)}; start it, "
                "the device connects by itself"
            )

    def fail_all(self, error: Exception) -> None:
        """Fail everything that is under way."""
        with self._lock:
            pending = tuple(self._pending)
        for status in pending:
            fail(status, error)

    def _forget(self, status: BoundedStatus) -> None:
        with self._lock:
            self._pending.discard(status)

    def _on_metadata(self, *, connected: bool = True, obj: Any, **_: Any) -> None:
        if connected:
            return
        with self._lock:
            pending = tuple(self._pending)
        for status in pending:
            fail(status, self._gone(obj, status))

    def _gone(self, signal: Any, status: BoundedStatus) -> NotConnectedError:
        return NotConnectedError(
            f"{self._device.name}: the IOC that serves {signal.pvname} disconnected during "
            f"{status.doing}; restart that IOC, the device reconnects by itself"
        )


def until(signal: Any, reached: Callable[[Any], bool], status: BoundedStatus) -> BoundedStatus:
    """Finish a Status when the monitored value of a signal satisfies a condition.

    Args:
        signal: Subscribed while the Status is pending; its present value counts.
        reached: Asked with each value.
        status: Returned, so that calls can be nested.
    """

    def check(*, value: Any, **_: Any) -> None:
        if reached(value):
            finish(status)

    signal.subscribe(check, event_type=Signal.SUB_VALUE, run=True)
    status.add_callback(lambda _: signal.clear_sub(check))
    return status


def all_of(
    device: Any, statuses: Iterable[BoundedStatus], *, doing: str, timeout_s: float
) -> BoundedStatus:
    """Make one Status of several; the first failure fails it, in that failure's own words.

    ophyd's `a & b` loses the exception of the part that failed.
    """
    parts = tuple(statuses)
    whole = BoundedStatus(device, doing=doing, timeout_s=timeout_s)
    remaining = set(parts)
    lock = threading.Lock()

    def on_part(part: BoundedStatus) -> None:
        error = part.exception()
        if error is not None:
            fail(whole, error)
            return
        with lock:
            remaining.discard(part)
            last = not remaining
        if last:
            finish(whole)

    for part in parts:
        part.add_callback(on_part)
    return whole


def finished(device: Any) -> DeviceStatus:
    """Make a Status that has ended well, for work that takes no time."""
    status = DeviceStatus(device)
    status.set_finished()
    return status


def in_background(status: BoundedStatus, work: Callable[[], None]) -> BoundedStatus:
    """Do blocking work in a thread of its own and end the Status with it."""

    def run() -> None:
        try:
            work()
        except (DeviceError, *CHANNEL_ACCESS_TROUBLE) as error:
            fail(status, error)
        else:
            finish(status)

    threading.Thread(target=run, name=status.doing, daemon=True).start()
    return status
