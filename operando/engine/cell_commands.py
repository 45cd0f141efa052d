"""Commands for the cell, whatever the plan does: each waits for the instrument, on one thread."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Annotated, Any, Literal, Protocol

from pydantic import Field

from devices.errors import CellBusyError
from operando.engine.commands import CommandError, Handler

__all__ = ["CellCommands", "CellInstruments"]

EndStateName = Literal["open_circuit", "keep"]
Charge = Annotated[float, Field(allow_inf_nan=False)]


class CellInstruments(Protocol):
    """What can be done to a cell."""

    def hold_cell(self) -> None:
        """Open the circuit of the cell and keep its programme; returns when it is verified."""

    def resume_cell(self) -> None:
        """Go on with the cell's programme."""

    def end_cell(self, end_state: str) -> None:
        """End the cell's programme in a declared state; returns when it is verified."""

    def mount_cell(self, charge_ah: float) -> None:
        """Count on from the charge of a cell that was mounted."""


class CellCommands:
    """Do what is asked for, one command after the other.

    Args:
        instruments: At the cell.
    """

    def __init__(self, instruments: CellInstruments) -> None:
        self._instruments = instruments
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="cell-command")

    @property
    def handlers(self) -> dict[str, Handler]:
        """Return the function of each command."""
        return {
            "cell_hold": self.hold,
            "cell_resume": self.resume,
            "cell_end": self.end,
            "cell_mount": self.mount,
        }

    def close(self) -> None:
        """Wait until the last command is done."""
        self._thread.shutdown(wait=True)

    def hold(self) -> Future[Any]:
        """Open the cell's circuit and keep its programme."""
        return self._ask(self._instruments.hold_cell)

    def resume(self) -> Future[Any]:
        """Go on with the cell's programme."""
        return self._ask(self._instruments.resume_cell)

    def end(self, end_state: EndStateName = "open_circuit") -> Future[Any]:
        """End the cell's programme in a declared state."""
        return self._ask(lambda: self._instruments.end_cell(end_state))

    def mount(self, charge_ah: Charge = 0.0) -> Future[Any]:
        """Count on from the charge of a cell that was mounted; 0 for a pristine one."""
        return self._ask(lambda: self._instruments.mount_cell(charge_ah))

    def _ask(self, request: Callable[[], None]) -> Future[Any]:
        return self._thread.submit(_in_words, request)


def _in_words(request: Callable[[], None]) -> dict[str, Any]:
    """Do something to the cell; what the instrument says against it becomes the answer."""
    try:
        request()
    except (ValueError, CellBusyError) as error:
        raise CommandError("refused", str(error)) from error
    except (RuntimeError, TimeoutError) as error:
        raise CommandError("failed", str(error)) from error
    return {}
