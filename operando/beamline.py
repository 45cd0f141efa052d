"""The beamline of one engine: from settings and addresses to devices that plans are given."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from bluesky import protocols

from devices.cell_description import CellDescription
from devices.cell_facts import Bookmark
from devices.cell_keeper import CellKeeper
from devices.errors import DeviceError
from devices.potentiostat import Potentiostat
from devices.techniques import EndState, Envelope
from operando.cell_instruments import cell_instrument
from operando.cell_log import CellLog
from operando.data_directory import DataDirectory, RuntimeDirectory, read_json
from operando.journal import JournalWriter
from operando.settings import Settings
from operando.temperature import guard_temperature

if TYPE_CHECKING:
    from devices.microscope import Microscope

__all__ = ["Addresses", "Beamline", "addresses_of", "cell_description", "cell_envelope"]

logger = logging.getLogger(__name__)

_T = TypeVar("_T")

_LOOK_EVERY_S = 0.05
_PROTOCOLS = (
    protocols.Readable,
    protocols.Movable,
    protocols.Triggerable,
    protocols.Preparable,
    protocols.Flyable,
    protocols.Stageable,
    protocols.Stoppable,
)


@dataclass(frozen=True)
class Addresses:
    """Where the instruments are.

    Attributes:
        potentiostat: VISA resource of the instrument that charges the cell.
        impedance: VISA resource of the one beside it; empty if there is none.
        prefix: Of all process variables.
        ca_addr_list: Where process variables are searched; empty: by broadcast.
    """

    potentiostat: str
    impedance: str
    prefix: str
    ca_addr_list: str


def addresses_of(settings: Settings, runtime: RuntimeDirectory) -> Addresses | None:
    """Return where the instruments are; None while simulated ones are still starting."""
    if not settings.simulation.enabled:
        return Addresses(
            potentiostat=settings.potentiostat.resource,
            impedance=settings.impedance.resource,
            prefix=settings.epics.prefix,
            ca_addr_list=settings.epics.ca_addr_list,
        )
    found = read_json(runtime.addresses)
    if found is None:
        return None
    epics = found["epics"]
    return Addresses(
        potentiostat=found["potentiostat"],
        impedance=found.get("impedance", ""),
        prefix=epics["prefix"],
        ca_addr_list=epics["ca_addr_list"],
    )


def cell_description(settings: Settings) -> CellDescription:
    """Return what is known of the cell before it is measured."""
    cell = settings.cell
    return CellDescription(
        name=cell.name,
        kind=cell.kind,
        mass_g=cell.mass_g,
        nominal_capacity_mah_per_g=cell.nominal_capacity_mah_per_g,
        reference_capacity_mah_per_g=cell.reference_capacity_mah_per_g,
    )


def cell_envelope(settings: Settings) -> Envelope:
    """Return what nothing may cross on the cell."""
    cell = settings.cell
    return Envelope(cell.min_voltage_v, cell.max_voltage_v, cell.max_current_a)


class Beamline:
    """Connects the instruments on a thread of its own, and keeps the cell from then on.

    Whoever is missing is tried again for ever: an engine without its microscope still keeps its
    cell, and an engine without either still answers.

    Args:
        settings: What is set.
        data: Where the camera writes its frames.
        runtime: Where the simulated instruments' addresses appear.
        journal: Gets rows and states of the cell.
        bookmark: How far the previous engine had read the cell's programme.
    """

    def __init__(
        self,
        settings: Settings,
        data: DataDirectory,
        runtime: RuntimeDirectory,
        journal: JournalWriter,
        bookmark: Bookmark | None,
    ) -> None:
        self._settings = settings
        self._data = data
        self._runtime = runtime
        self._journal = journal
        self._cell_log = CellLog(journal)
        self._bookmark = bookmark
        self._keeper: CellKeeper | None = None
        self._cell: Potentiostat | None = None
        self._txm: Microscope | None = None
        self._missing = "the addresses of the instruments are not known yet"
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._connect, name="connect", daemon=True)

    @property
    def devices(self) -> Mapping[str, object]:
        """The devices that are connected, by the names that plans use."""
        known = {"cell": self._cell, "txm": self._txm}
        return {name: device for name, device in known.items() if device is not None}

    @property
    def missing(self) -> str:
        """Why some devices are not connected; empty when all are."""
        return self._missing

    def describe(self) -> list[dict[str, Any]]:
        """Return name, class, protocols and connection of each device."""
        devices = [self._cell] if self._cell else []
        microscope = list(self._txm.devices) if self._txm else []
        return [_described(device, self._is_connected(device)) for device in devices + microscope]

    def hold_cell(self) -> None:
        """Open the circuit of the cell and keep its programme; returns when it is verified."""
        self._kept().hold()

    def resume_cell(self) -> None:
        """Go on with the cell's programme."""
        self._kept().resume()

    def end_cell(self, end_state: str) -> None:
        """End the cell's programme in a declared state; returns when it is verified."""
        self._kept().end(EndState(end_state))

    def mount_cell(self, charge_ah: float) -> None:
        """Count on from the charge of a cell that was mounted."""
        self._kept().mount(charge_ah)

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def close(self) -> None:
        """Let go of the instruments; what runs on the cell goes on."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(self._settings.epics.connection_timeout_s + 1.0)
        if self._keeper is not None:
            self._keeper.close()

    def _connect(self) -> None:
        addresses = self._wait_for(lambda: addresses_of(self._settings, self._runtime))
        if addresses is None:
            return
        self._missing = "the microscope is being connected"
        self._keep_cell(addresses)
        _search_at(addresses)
        self._guard_temperature(addresses)
        self._txm = self._wait_for(lambda: self._microscope(addresses))

    def _wait_for(self, attempt: Callable[[], _T | None]) -> _T | None:
        """Try until there is something, or until the engine ends."""
        while (found := attempt()) is None:
            if self._closing.wait(_LOOK_EVERY_S):
                return None
        return found

    def _keep_cell(self, addresses: Addresses) -> None:
        instrument = cell_instrument(
            self._settings, potentiostat=addresses.potentiostat, impedance=addresses.impedance
        )
        envelope = cell_envelope(self._settings)
        cell = cell_description(self._settings)
        keeper = CellKeeper(instrument, envelope=envelope, bookmark=self._bookmark, cell=cell)
        # First among the observers: a row is in the journal before a plan hears of it.
        keeper.observe(self._cell_log)
        self._cell = Potentiostat(keeper, description=cell)
        keeper.start()
        self._keeper = keeper

    def _guard_temperature(self, addresses: Addresses) -> None:
        prefix, cell = addresses.prefix, self._settings.cell
        guard_temperature(self._kept(), cell, prefix=prefix, journal=self._journal)

    def _microscope(self, addresses: Addresses) -> Microscope | None:
        from devices.microscope import connect_microscope

        try:
            microscope = connect_microscope(
                addresses.prefix,
                write_path=self._data.frames,
                timeout_s=self._settings.epics.connection_timeout_s,
            )
        except DeviceError as error:
            self._missing = str(error)
            logger.error("%s", error)
            return None
        self._missing = ""
        logger.info("the microscope is connected")
        _clear_away(microscope)
        return microscope

    def _is_connected(self, device: Any) -> bool:
        if device is self._cell:
            return self._keeper is not None and self._keeper.report.state != "lost"
        return bool(device.connected)

    def _kept(self) -> CellKeeper:
        if self._keeper is None:
            raise DeviceError(f"cell: nobody keeps it yet: {self._missing}")
        return self._keeper


def _search_at(addresses: Addresses) -> None:
    """Tell Channel Access where to search; it reads that once, with the first channel."""
    if addresses.ca_addr_list:
        os.environ["EPICS_CA_AUTO_ADDR_LIST"] = "NO"
        os.environ["EPICS_CA_ADDR_LIST"] = addresses.ca_addr_list


def _clear_away(microscope: Microscope) -> None:
    """Disarm the camera that a killed engine left armed: this engine alone has the folder."""
    from devices.status import CHANNEL_ACCESS_TROUBLE

    try:
        microscope.camera.clear_away()
    except (DeviceError, *CHANNEL_ACCESS_TROUBLE) as trouble:
        logger.warning("the camera is left as it is: %s", trouble)


def _described(device: Any, connected: bool) -> dict[str, Any]:
    return {
        "name": device.name,
        "class": type(device).__name__,
        "protocols": [p.__name__ for p in _PROTOCOLS if isinstance(device, p)],
        "connected": connected,
    }
