"""Asking a simulated instrument for faults."""

import json
import socket


def ask_for_fault(port: socket.socket, kind: str, **fields: object) -> int:
    """Ask over the fault port; returns how many replies are still to meet a fault."""
    port.sendall(json.dumps({"fault": kind, **fields}).encode() + b"\n")
    answer = json.loads(port.recv(4096))
    assert answer["ok"], answer
    return int(answer["waiting"])
