"""Whether the session could take an experiment, and its numbers for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from api.interface import Session
from api.models import Readiness, ReadinessItem

__all__ = ["metrics_text", "readiness"]

_LEAST_DISK_BYTES = 5 * 10**9


def readiness(session: Session) -> Readiness:
    """Say of each thing whether it is there; the archive and tiled are not required.

    An experiment runs, and nothing is lost, while tiled is down or still starting.
    """
    status = session.board.status()
    free = session.runtime.disk_free_bytes
    trouble = session.follower.trouble
    engine_is_there = session.engine.alive is True and status.worker.state != "LOST"
    missing = _missing_instruments(session, engine_is_there)
    lag = status.archive.lag_documents
    items = [
        _item("engine", engine_is_there, True, status.worker.state),
        _item("instruments", not missing, True, missing or "connected"),
        _item("journal", not trouble, True, trouble or f"entry {session.state.seq}"),
        _item("disk", free > _LEAST_DISK_BYTES, True, f"{free / 1e9:.0f} GB free"),
        _item("archive", lag is not None, False, "not there" if lag is None else f"{lag} behind"),
        _item("tiled", bool(status.archive.tiled_up), False, _up(status.archive.tiled_up)),
    ]
    return Readiness(ready=all(i.ok for i in items if i.required), items=items)


def metrics_text(session: Session) -> bytes:
    """Return the numbers of the session in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Numbers(session))
    return generate_latest(registry)


class _Numbers:
    """Reads the numbers at the time they are asked for."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def collect(self) -> Iterator[Metric]:
        session = self._session
        status = session.board.status()
        cell, archive, soc = status.cell, status.archive, status.soc
        gauges: list[tuple[str, str, float | None]] = [
            ("operando_engine_up", "Engine answers", float(session.engine.alive is True)),
            ("operando_journal_seq", "Newest journal entry", float(session.state.seq)),
            ("operando_results_seq", "Newest result", float(session.state.results_seq)),
            ("operando_cell_volts", "Voltage of the cell", cell.voltage_v),
            ("operando_cell_amperes", "Current, positive charges", cell.current_a),
            ("operando_cell_charge_ampere_hours", "Charge of the programme", cell.charge_ah),
            ("operando_cell_limit_margin_volts", "Voltage left to the limit", cell.margin_v),
            ("operando_cell_age_seconds", "Age of the newest row", cell.age_s),
            (
                "operando_soc_mean",
                "Mean of the newest map",
                soc.mean if soc else None,
            ),
            ("operando_ring_current_milliamperes", "Ring current", status.beam.ring_current_ma),
            ("operando_archive_lag_documents", "Not in tiled yet", archive.lag_documents),
            ("operando_tiled_up", "tiled answers", archive.tiled_up),
            ("operando_disk_free_bytes", "Room for data", float(session.runtime.disk_free_bytes)),
            ("operando_sse_clients", "Clients of the events", float(session.hub.clients)),
        ]
        for name, text, value in gauges:
            if value is not None:
                yield GaugeMetricFamily(name, text, value=float(value))
        yield CounterMetricFamily("operando_frames", "Frames", value=status.camera.frames_total)
        yield CounterMetricFamily(
            "operando_sse_resets", "Clients told to load anew", value=session.hub.resets
        )


def _missing_instruments(session: Session, engine_is_there: bool) -> str:
    """Return what is known to be away; only the engine knows anything of the instruments."""
    if not engine_is_there:
        return "not known: no engine answers"
    if session.state.cell_report.get("state") == "lost":
        return f"cell: {session.state.cell_report.get('reason') or 'does not answer'}"
    return session.engine.missing


def _item(name: str, ok: bool, required: bool, detail: str) -> ReadinessItem:
    return ReadinessItem(name=name, ok=ok, required=required, detail=detail)


def _up(value: bool | None) -> str:
    return "not known" if value is None else ("answers" if value else "does not answer")
