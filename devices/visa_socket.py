"""What pyvisa-py hides below a session on a raw socket; sessions of other kinds are left alone.

Sources: pyvisa-py 0.8.1, ``tcpip.py`` (`TCPIPSocketSession`); Linux, ``tcp(7)`` and ``socket(7)``.
"""

from __future__ import annotations

import select
import socket
from typing import Any

from pyvisa.resources import MessageBasedResource

__all__ = ["is_clean", "tune", "wait_for_reply"]


def tune(session: MessageBasedResource, *, timeout_s: float) -> None:
    """Send at once, notice a peer that is gone, and give up one that does not read."""
    # pyvisa-py offers no settable VI_ATTR_TCPIP_NODELAY on SOCKET: it has to be set underneath.
    wire = _raw_socket(session)
    if wire is None:
        return
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # Without this a write to an instrument that has stopped reading never returns.
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(timeout_s * 1000))


def is_clean(session: MessageBasedResource) -> bool:
    """Tell whether the peer is there and has said nothing that nobody asked for.

    A waiting reply belongs to an older query and would answer the next one; a waiting FIN would be
    read by pyvisa-py at full load until the timeout.
    """
    wire = _raw_socket(session)
    if wire is None:
        return True
    if _has_unread(session):
        return False
    try:
        wire.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def wait_for_reply(session: MessageBasedResource, *, timeout_s: float) -> None:
    """Wait for the first byte of a reply, without the load that a FIN would cost in a read.

    Raises:
        OSError: If the peer has left, or nothing comes in time.
    """
    wire = _raw_socket(session)
    if wire is None or _has_unread(session):
        return
    waiting = select.poll()
    waiting.register(wire, select.POLLIN)
    if not waiting.poll(1000.0 * timeout_s):
        raise TimeoutError("nothing came")
    if wire.recv(1, socket.MSG_PEEK) == b"":
        raise ConnectionResetError("the connection was closed")


def _has_unread(session: MessageBasedResource) -> bool:
    return bool(getattr(_socket_session(session), "_pending_buffer", b""))


def _socket_session(session: MessageBasedResource) -> Any:
    """Find pyvisa-py's own object below a session; other libraries have none."""
    return getattr(session.visalib, "sessions", {}).get(session.session)


def _raw_socket(session: MessageBasedResource) -> socket.socket | None:
    interface = getattr(_socket_session(session), "interface", None)
    return interface if isinstance(interface, socket.socket) else None
