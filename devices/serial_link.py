"""The one owner of a serial line on which an instrument also speaks without being asked."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque

import pyvisa
from pyvisa.resources import SerialInstrument

from devices.errors import LinkDownError

__all__ = ["SerialLink"]

logger = logging.getLogger(__name__)

# What a PyVISA session throws when the line is bad; an unplugged port is an OSError.
_IO_ERRORS = (
    pyvisa.errors.VisaIOError,
    pyvisa.errors.InvalidSession,
    OSError,
)
_CONTROL_CHARACTERS = dict.fromkeys(range(32))  # XON and XOFF come between the lines


class SerialLink:
    """Send lines and take lines, from any thread, never waiting longer than asked.

    Args:
        resource: VISA resource name, for example ``ASRL/dev/ttyACM0::INSTR``.
        timeout_s: Longest wait for one line.
        backend: PyVISA library, ``@py`` for the pure Python one, ``@ivi`` for a vendor's.
        baud_rate: Of the line; a USB port of an instrument does not care.
    """

    def __init__(
        self,
        resource: str,
        *,
        timeout_s: float = 2.0,
        backend: str = "@py",
        baud_rate: int = 921_600,
    ) -> None:
        self.resource = resource
        self.timeout_s = timeout_s
        self._backend = backend
        self._baud_rate = baud_rate
        self._lock = threading.RLock()
        self._session: SerialInstrument | None = None
        self._lines: deque[str] = deque()
        self._rest = b""

    @property
    def is_open(self) -> bool:
        """Whether there is a session, as far as anybody has noticed."""
        return self._session is not None

    def open(self) -> None:
        """Open the port; what waited there is lost.

        Raises:
            LinkDownError: If there is no such port, or somebody else has it.
        """
        with self._lock:
            self.close()
            try:
                self._session = self._open_session()
            except _IO_ERRORS as error:
                raise self._down("be opened", error) from error

    def close(self) -> None:
        """Close the port."""
        with self._lock:
            session, self._session = self._session, None
            self._lines.clear()
            self._rest = b""
            if session is not None:
                # A port that is already gone may object to being closed.
                with contextlib.suppress(*_IO_ERRORS):
                    session.close()

    def send(self, *lines: str) -> None:
        """Send lines in one piece.

        Raises:
            LinkDownError: If the port is gone; whether anything arrived is then unknown.
        """
        message = "".join(f"{line}\n" for line in lines).encode("ascii")
        with self._lock:
            try:
                self._opened().write_raw(message)
            except _IO_ERRORS as error:
                self.close()
                raise self._down("be written", error) from error

    def take_lines(self) -> list[str]:
        """Take the whole lines that have arrived, without waiting for more.

        Raises:
            LinkDownError: If the port is gone.
        """
        with self._lock:
            self._receive(wait=False)
            lines = list(self._lines)
            self._lines.clear()
        return lines

    def next_line(self) -> str:
        """Wait for the next line.

        Raises:
            LinkDownError: If the port is gone or nothing comes in time.
        """
        deadline_s = time.monotonic() + self.timeout_s
        with self._lock:
            while not self._lines:
                if time.monotonic() > deadline_s:
                    raise self._silent()
                self._receive(wait=True)
            return self._lines.popleft()

    def _receive(self, *, wait: bool) -> None:
        """Move what has arrived into lines; wait for the first byte only if asked."""
        try:
            session = self._opened()
            data = session.read_bytes(1) if wait else b""
            waiting = session.bytes_in_buffer
            data += session.read_bytes(waiting) if waiting else b""
        except pyvisa.errors.VisaIOError as error:
            if error.error_code == pyvisa.constants.StatusCode.error_timeout:
                raise self._silent() from error
            self.close()
            raise self._down("be read", error) from error
        except _IO_ERRORS as error:
            self.close()
            raise self._down("be read", error) from error
        *lines, self._rest = (self._rest + data).split(b"\n")
        texts = (line.decode("ascii", errors="replace") for line in lines)
        self._lines.extend(text.translate(_CONTROL_CHARACTERS) for text in texts)

    def _opened(self) -> SerialInstrument:
        if self._session is None:
            raise LinkDownError(f"{self.resource}: not open; connect first")
        return self._session

    def _open_session(self) -> SerialInstrument:
        session = pyvisa.ResourceManager(self._backend).open_resource(
            self.resource, timeout=int(self.timeout_s * 1000)
        )
        if not isinstance(session, SerialInstrument):
            session.close()
            raise LinkDownError(f"{self.resource}: no serial port; an address begins with ASRL")
        session.baud_rate = self._baud_rate
        return session

    def _silent(self) -> LinkDownError:
        return LinkDownError(
            f"{self.resource}: nothing came within {self.timeout_s:g} s; check power and cable"
        )

    def _down(self, what: str, error: BaseException) -> LinkDownError:
        return LinkDownError(
            f"{self.resource}: the port cannot {what} ({type(error).__name__}: {error}); "
            "check the cable, the address, and that no other program has it"
        )
