"""The one owner of a conversation with a message-based instrument.

PyVISA sessions on raw sockets have habits that lose or exchange replies (late replies answer the
next query, ``clear()`` on a closed peer never returns, a closed peer is read at full load until the
timeout, Nagle's algorithm costs 40 ms a command). A `Link` keeps them away from the instruments:
whatever goes wrong, the session is dropped and opened again, never repaired.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable

import pyvisa
from pyvisa.resources import MessageBasedResource

from devices.errors import CommandError, InstrumentMismatchError, LinkDownError
from devices.visa_socket import is_clean, tune, wait_for_reply

__all__ = ["Link"]

logger = logging.getLogger(__name__)

# What a PyVISA session throws when the line is bad: NI-VISA and pyvisa-py do not agree on one type.
_IO_ERRORS = (
    pyvisa.errors.VisaIOError,
    pyvisa.errors.InvalidSession,
    OSError,
    UnicodeDecodeError,
)
_CHUNK_BYTES = 1 << 20
_OPEN_TIMEOUT_S = 3.0
_MOST_ERRORS = 20


class Link:
    """Talk to one instrument, from any thread, and always know which reply belongs to which query.

    Args:
        resource: VISA resource name, for example ``TCPIP0::10.0.0.7::5025::SOCKET``.
        timeout_s: Longest wait for one reply.
        backend: PyVISA library, ``@py`` for the pure Python one, ``@ivi`` for a vendor's.
    """

    def __init__(self, resource: str, *, timeout_s: float = 2.0, backend: str = "@py") -> None:
        self.resource = resource
        self.identity = ""
        self.reconnects = 0
        self._timeout_s = timeout_s
        self._backend = backend
        self._lock = threading.RLock()
        self._session: MessageBasedResource | None = None
        self._nonce = 0

    def open(self) -> None:
        """Open the session and ask who answers.

        Raises:
            LinkDownError: If nobody answers.
            InstrumentMismatchError: If another instrument answers than the first time.
        """
        with self._lock:
            identity = self._introduce()
            if self.identity not in {"", identity}:
                logger.info("%s: %r answers; asking again", self.resource, identity[:60])
                identity = self._introduce()
            self._recognise(identity)

    def close(self) -> None:
        """Close the session; the next query opens it again."""
        with self._lock:
            session, self._session = self._session, None
            if session is not None:
                # A session that is already broken may object to being closed.
                with contextlib.suppress(*_IO_ERRORS):
                    session.close()

    def forget(self) -> None:
        """Close the session, and let any instrument answer the next one."""
        self.close()
        self.identity = ""

    def query(self, command: str, *, accept: Callable[[str], bool] | None = None) -> str:
        """Ask, and ask once more over a new session if the line failed or the reply is strange.

        Args:
            command: A query without side effects; it may reach the instrument twice.
            accept: Tells a reply that makes sense. One that does not may be noise, or belong to
                another query; said twice it is the instrument's own, and is given.

        Raises:
            LinkDownError: If there is still no answer.
            InstrumentMismatchError: If another instrument answers.
        """
        try:
            reply = self._exchange(command)
        except LinkDownError as error:
            logger.info("%s; asking again", error)
        else:
            if accept is None or accept(reply):
                return reply
            logger.info("%s: %s: %r; asking again", self.resource, command[:60], reply[:60])
            self.close()
        return self._exchange(command)

    def query_once(self, command: str) -> str:
        """Ask for what the instrument gives only once, or does something to give.

        Raises:
            LinkDownError: If there is no answer; the instrument may have done it nevertheless.
            InstrumentMismatchError: If another instrument answers.
        """
        return self._exchange(command)

    def send(self, *commands: str) -> None:
        """Set something and wait until it is done; never repeated, for it may have been done.

        Args:
            commands: Sent as one message, closed by ``*OPC?``.

        Raises:
            LinkDownError: If the instrument did not confirm; whether it obeyed is then unknown.
            InstrumentMismatchError: If another instrument answers.
        """
        with self._lock:
            reply = self._exchange(";".join((*commands, "*OPC?")))
            if reply != "1":
                self.close()
                raise LinkDownError(
                    f"{self.resource}: {commands[0]} was confirmed by {reply!r} instead of 1; "
                    "another program may talk to the instrument"
                )

    def apply(self, *commands: str) -> None:
        """Set something and read the instrument's error queue.

        Raises:
            CommandError: If the instrument objected.
            LinkDownError: If it did not confirm.
            InstrumentMismatchError: If another instrument answers.
        """
        with self._lock:
            self.send(*commands)
            errors = self.drain_errors()
        if errors:
            raise CommandError(f"{self.resource}: {'; '.join(commands)[:160]}: {', '.join(errors)}")

    def launch(self, command: str) -> None:
        """Begin or nudge what goes on in the instrument by itself; never repeated.

        ``*OPC?`` would answer only when it has ended (2450 reference manual, appendix B), so the
        count of errors closes the message.

        Raises:
            CommandError: If the instrument objected.
            LinkDownError: If it did not confirm.
            InstrumentMismatchError: If another instrument answers.
        """
        with self._lock:
            errors = self._exchange(f"{command};:SYST:ERR:COUN?")
            if not errors.isdigit():
                raise self.out_of_step(errors)
            objections = self.drain_errors() if errors != "0" else []
        if objections:
            raise CommandError(f"{self.resource}: {command}: {', '.join(objections)}")

    def drain_errors(self) -> list[str]:
        """Take everything out of the instrument's error queue.

        Errors are counted first, for reading one removes it: a lost reply would lose the error.

        Raises:
            LinkDownError: If the reply is no error message, so that queries are out of step.
        """
        errors: list[str] = []
        waiting = self.query(":SYST:ERR:COUN?", accept=str.isdigit)
        if not waiting.isdigit():
            raise self.out_of_step(waiting)
        for _ in range(min(int(waiting), _MOST_ERRORS)):
            reply = self.query_once(":SYST:ERR?")
            # Only the number in front is the same in all models and firmwares.
            if not reply.split(",", 1)[0].lstrip("+-").isdigit():
                raise self.out_of_step(reply)
            errors.append(reply)
        return errors

    def out_of_step(self, reply: str) -> LinkDownError:
        """Close the session over which a senseless reply came; give the error to raise."""
        self.close()
        return LinkDownError(
            f"{self.resource}: {reply[:60]!r} does not answer what was asked; out of step"
        )

    def in_step(self) -> bool:
        """Tell whether the instrument answers this query and not an earlier one."""
        self._nonce = (self._nonce + 37) % 256
        return self.query(f"*ESE {self._nonce};*ESE?") == str(self._nonce)

    def _exchange(self, message: str) -> str:
        with self._lock:
            if self._session is None or not is_clean(self._session):
                self._reopen()
            session = self._session
            if session is None:  # only for the type checker: _reopen raises or opens
                raise LinkDownError(f"{self.resource}: not open")
            try:
                return self._ask(session, message)
            except _IO_ERRORS as error:
                # The reply may come later: on this session it would answer the next query.
                self.close()
                raise self._down(message, error) from error

    def _ask(self, session: MessageBasedResource, message: str) -> str:
        session.write(message)
        wait_for_reply(session, timeout_s=self._timeout_s)
        return session.read().strip()

    def _reopen(self) -> None:
        known = bool(self.identity)
        self.open()
        if known:
            self.reconnects += 1
            logger.info("%s: connected again to %s", self.resource, self.identity)

    def _introduce(self) -> str:
        self.close()
        try:
            self._session = self._open_session()
            return self._ask(self._session, "*IDN?")
        except _IO_ERRORS as error:
            self.close()
            raise self._down("*IDN?", error) from error

    def _open_session(self) -> MessageBasedResource:
        try:
            session = pyvisa.ResourceManager(self._backend).open_resource(
                self.resource,
                open_timeout=int(_OPEN_TIMEOUT_S * 1000),
                read_termination="\n",
                write_termination="\n",
                timeout=int(self._timeout_s * 1000),
                chunk_size=_CHUNK_BYTES,
            )
        except Exception as error:
            # pyvisa-py throws a bare Exception if nobody takes the connection.
            if type(error) is Exception:
                raise ConnectionError(str(error)) from error
            raise
        if not isinstance(session, MessageBasedResource):
            session.close()
            raise LinkDownError(f"{self.resource}: no message-based instrument; check its address")
        tune(session, timeout_s=self._timeout_s)
        return session

    def _recognise(self, identity: str) -> None:
        if self.identity and identity != self.identity:
            self.close()
            raise InstrumentMismatchError(
                f"{self.resource}: {identity!r} answers where {self.identity!r} did; "
                "connect the instrument the cell hangs on, or start the service again"
            )
        self.identity = identity

    def _down(self, message: str, error: BaseException) -> LinkDownError:
        return LinkDownError(
            f"{self.resource}: no answer to {message[:60]!r} within {self._timeout_s:g} s "
            f"({type(error).__name__}: {error}); check power, cable and address"
        )
