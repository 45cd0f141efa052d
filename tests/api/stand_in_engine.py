"""An engine without instruments: a real 0MQ socket that speaks the protocol of commands."""

from __future__ import annotations

import threading
import uuid
from pathlib import Path
from typing import Any

import orjson
import zmq

_PLAN = {
    "name": "operando_charge",
    "description": "Charge a cell and take scans on the way.",
    "schema": {
        "type": "object",
        "properties": {"c_rate": {"type": "number", "exclusiveMinimum": 0, "maximum": 5}},
    },
}
_DEVICE = {"name": "mono", "protocols": ["Readable"], "connected": True, "class": "Monochromator"}


class StandInEngine:
    """Answers on a thread of its own; knows one plan with one parameter, ``c_rate``."""

    def __init__(self, socket_path: Path) -> None:
        self._address = f"ipc://{socket_path}"
        self._path = socket_path
        self._answers: dict[str, dict[str, Any]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.boot_id = str(uuid.uuid4())
        self.state = "IDLE"
        self.seen: list[tuple[str, dict[str, Any]]] = []

    def __enter__(self) -> StandInEngine:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def forget(self) -> None:
        """Begin anew, as far as a client can see."""
        self.state = "IDLE"
        self.seen.clear()
        self._answers.clear()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()
        self._path.unlink(missing_ok=True)

    def commands(self) -> list[str]:
        """Return the names of the commands, without the questions of the watch."""
        return [name for name, _ in self.seen if name not in ("ping", "plans", "devices")]

    def _serve(self) -> None:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        with context, context.socket(zmq.ROUTER) as socket:
            socket.linger = 0
            socket.bind(self._address)
            while not self._stop.is_set():
                if socket.poll(20):
                    *client, body = socket.recv_multipart()
                    socket.send_multipart([*client, orjson.dumps(self._answer(orjson.loads(body)))])

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        key, method, params = request["key"], request["method"], request["params"]
        if key in self._answers:
            return {**self._answers[key], "duplicate": True}
        self.seen.append((method, params))
        answer = self._do(method, params)
        if answer["ok"]:
            self._answers[key] = answer
        return answer

    def _do(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        match method:
            case "ping":
                return _yes({"boot_id": self.boot_id, "state": self.state, "seq": 0})
            case "plans":
                return _yes([_PLAN])
            case "devices":
                return _yes([_DEVICE])
            case "submit":
                return _submit(params)
            case "start":
                return self._start(params["task_id"])
            case "pause" | "stop" | "abort" if self.state != "RUNNING":
                return _no("conflict", f"cannot {method} in state {self.state}")
            case "pause":
                self.state = "PAUSED"
            case "resume" if self.state != "PAUSED":
                return _no("conflict", f"cannot resume in state {self.state}")
            case "resume":
                self.state = "RUNNING"
            case "stop" | "abort" | "remove":
                pass
            case "cell_hold" | "cell_resume" | "cell_end" | "cell_mount":
                pass
            case _:
                return _no("not_found", f"no command {method!r}")
        return _yes({})

    def _start(self, task_id: str) -> dict[str, Any]:
        if not task_id.startswith("task"):
            return _no("not_found", f"no task is called {task_id!r}")
        if self.state != "IDLE":
            return _no("busy", f"the worker is {self.state}")
        self.state = "RUNNING"
        return _yes({"task_id": task_id})


def _submit(params: dict[str, Any]) -> dict[str, Any]:
    if params["name"] != "operando_charge":
        return _no("invalid", "no such plan", [{"field": "name", "message": "no such plan"}])
    errors = [
        {"field": name, "message": "Extra inputs are not permitted"}
        for name in params["params"]
        if name != "c_rate"
    ]
    c_rate = params["params"].get("c_rate", 0.2)
    if not 0 < c_rate <= 5:
        errors.append({"field": "c_rate", "message": "Input should be greater than 0"})
    if errors:
        return _no("invalid", "wrong parameters", errors)
    return _yes({"task_id": None if params["validate_only"] else f"task-{uuid.uuid4()}"})


def _yes(result: Any) -> dict[str, Any]:
    return {"ok": True, "result": result, "duplicate": False}


def _no(kind: str, message: str, errors: list[dict[str, str]] | None = None) -> dict[str, Any]:
    return {"ok": False, "error": {"kind": kind, "message": message, "errors": errors or []}}
