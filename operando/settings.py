"""The settings: one frozen tree, from one TOML file; its defaults are the simulated beamline."""

from __future__ import annotations

import ipaddress
import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

__all__ = [
    "AnalysisSettings",
    "ArchiveSettings",
    "CameraSettings",
    "CellSettings",
    "EpicsSettings",
    "ImpedanceSettings",
    "PotentiostatSettings",
    "ReferenceSettings",
    "ServerSettings",
    "Settings",
    "SettingsError",
    "SimulationSettings",
    "load_settings",
    "settings_as_toml",
]

CellKind = Literal["asslb", "lelb"]
CellName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]
Positive = Annotated[float, Field(gt=0)]
BaudRate = Annotated[int, Field(ge=300, le=12_000_000)]

_REFERENCE_CAPACITY_MAH_PER_G = {"asslb": 162.5, "lelb": 184.6}
# Ten degrees around where the cell works: beyond, its kinetics differ by a factor of two, and a
# heater that holds half a degree is broken.
_MIN_TEMPERATURE_C = {"asslb": 50.0, "lelb": 15.0}
_MAX_TEMPERATURE_C = {"asslb": 70.0, "lelb": 35.0}


class SettingsError(ValueError):
    """The settings file is missing, is not TOML, or holds a value that makes no sense."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class CellSettings(_Section):
    """The cell in the beam, and the limits that nothing may cross."""

    kind: CellKind = "asslb"
    name: CellName = Field(default_factory=lambda given: given["kind"])
    mass_g: Positive = 2.0e-3
    nominal_capacity_mah_per_g: Positive = 170.0
    reference_capacity_mah_per_g: Positive = Field(
        default_factory=lambda given: _REFERENCE_CAPACITY_MAH_PER_G[given["kind"]]
    )
    min_voltage_v: float = 3.0
    max_voltage_v: float = 4.2
    max_current_a: Positive = 1.0e-3
    min_temperature_c: float = Field(
        default_factory=lambda given: _MIN_TEMPERATURE_C[given["kind"]]
    )
    max_temperature_c: float = Field(
        default_factory=lambda given: _MAX_TEMPERATURE_C[given["kind"]]
    )
    temperature_grace_s: Annotated[float, Field(ge=0, le=3600)] = 10.0

    @model_validator(mode="after")
    def _limits_are_in_order(self) -> CellSettings:
        for quantity in ("voltage_v", "temperature_c"):
            if getattr(self, f"min_{quantity}") >= getattr(self, f"max_{quantity}"):
                raise ValueError(f"min_{quantity} must be below max_{quantity}")
        return self

    @property
    def reference_capacity_ah(self) -> float:
        """Return the charge in Ah from SOC 0 to SOC 1."""
        return self.reference_capacity_mah_per_g * self.mass_g / 1000.0


class SimulationSettings(_Section):
    """Whether the beamline is simulated, how fast its time runs, and how large its frames are."""

    enabled: bool = True
    rate: Annotated[float, Field(gt=0, le=10_000)] = 300.0
    seed: Annotated[int, Field(ge=0)] = 0
    pixels: Annotated[int, Field(ge=64, le=4096)] = 1024
    impedance: bool = True


class PotentiostatSettings(_Section):
    """What charges the cell, and where it is; with the simulation on, ``resource`` is not used."""

    model: Literal["keithley", "palmsens"] = "keithley"
    resource: str = ""
    watchdog_s: Annotated[float, Field(ge=0)] = 0.0
    four_wire: bool = True
    baud_rate: BaudRate = 921_600

    @model_validator(mode="after")
    def _watchdog_is_there(self) -> PotentiostatSettings:
        if self.model == "palmsens" and self.watchdog_s:
            raise ValueError("watchdog_s must be 0: a palmsens has no watchdog")
        return self


class ImpedanceSettings(_Section):
    """The instrument beside it that does impedance; ``resource`` empty: there is none."""

    resource: str = ""
    baud_rate: BaudRate = 921_600
    periods: Annotated[int, Field(ge=1, le=1000)] = 1


class EpicsSettings(_Section):
    """Where the microscope's process variables are; ``ca_addr_list`` empty: by broadcast."""

    prefix: str = "TXM:"
    ca_addr_list: str = ""
    connection_timeout_s: Positive = 10.0


class CameraSettings(_Section):
    """What the camera's counts mean, and how many of them to take."""

    adu_per_quantum: Positive = 1.0
    read_noise_adu: Annotated[float, Field(ge=0)] = 3.0
    exposure_s: Positive = 0.02
    pixel_size_nm: Positive = 40.0


class ReferenceSettings(_Section):
    """The spectra of the pristine and the charged state; with the simulation on, its own."""

    pristine: Path | None = None
    charged: Path | None = None


class AnalysisSettings(_Section):
    """What the evaluation of titrations and impedance spectra must know of the cathode."""

    particle_radius_um: Positive = 5.0
    molar_volume_cm3_per_mol: Positive = 20.4
    molar_mass_g_per_mol: Positive = 96.93
    gitt_skip_s: Annotated[float, Field(ge=0)] = 30.0
    impedance_noise: Annotated[float, Field(gt=0, lt=1)] = 0.005


class ServerSettings(_Section):
    """Where the session is served; port 0 takes a free one."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8765

    @field_validator("host")
    @classmethod
    def _host_is_this_machine(cls, host: str) -> str:
        if host == "localhost" or _is_loopback(host):
            return host
        raise ValueError(
            f"{host} is not an address of the loopback: whoever reaches the session can drive the"
            " cell, and there are no keys yet; forward a port instead (ssh -L)"
        )


class ArchiveSettings(_Section):
    """Whether documents go into a catalogue, and into which: ``uri`` none is the embedded one."""

    enabled: bool = True
    uri: str | None = None


class Settings(_Section):
    """Everything that can be set, in one frozen tree."""

    cell: CellSettings = CellSettings()
    simulation: SimulationSettings = SimulationSettings()
    potentiostat: PotentiostatSettings = PotentiostatSettings()
    impedance: ImpedanceSettings = ImpedanceSettings()
    epics: EpicsSettings = EpicsSettings()
    camera: CameraSettings = CameraSettings()
    references: ReferenceSettings = ReferenceSettings()
    analysis: AnalysisSettings = AnalysisSettings()
    server: ServerSettings = ServerSettings()
    archive: ArchiveSettings = ArchiveSettings()

    @model_validator(mode="after")
    def _hardware_has_addresses(self) -> Settings:
        if not self.simulation.enabled and not self.potentiostat.resource:
            raise ValueError(
                "potentiostat.resource is empty and simulation.enabled is false: name the"
                " instrument, e.g. 'TCPIP0::192.0.2.7::5025::SOCKET'"
            )
        return self

    @model_validator(mode="after")
    def _instruments_go_together(self) -> Settings:
        if self.potentiostat.model == "palmsens" and self.impedance.resource:
            raise ValueError(
                "impedance.resource must be empty when potentiostat.model is palmsens: it does"
                " impedance by itself"
            )
        return self

    def replaced(self, section: str, **values: Any) -> Settings:
        """Return a copy with some values of one section replaced, validated again.

        Raises:
            SettingsError: Names every field that is wrong.
        """
        tree = self.model_dump(exclude_unset=True)
        tree[section] = {**tree.get(section, {}), **values}
        try:
            return Settings.model_validate(tree)
        except ValidationError as error:
            raise SettingsError(_in_words(error)) from error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def load_settings(path: Path | None) -> Settings:
    """Read the settings from a TOML file, or return the defaults when there is none to read.

    Args:
        path: The file; relative paths in it are taken from its folder. None: the defaults.

    Raises:
        SettingsError: Names the file and every field that is wrong.
    """
    if path is None:
        return Settings()
    try:
        tree = tomllib.loads(path.read_text())
        return _with_absolute_references(Settings.model_validate(tree), path.parent)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: is not TOML: {error}") from error
    except ValidationError as error:
        raise SettingsError(f"{path}: {_in_words(error)}") from error


def settings_as_toml(settings: Settings) -> str:
    """Return the settings as the text of a TOML file that `load_settings` reads back."""
    lines: list[str] = []
    for section, values in settings.model_dump(mode="json").items():
        lines.append(f"[{section}]")
        # JSON's strings, numbers and booleans are TOML's; what is None is left out.
        lines += [f"{key} = {json.dumps(v)}" for key, v in values.items() if v is not None]
        lines.append("")
    return "\n".join(lines)


def _with_absolute_references(settings: Settings, folder: Path) -> Settings:
    found = settings.references.model_dump(exclude_none=True)
    absolute = {name: (folder / path).resolve() for name, path in found.items()}
    return settings.replaced("references", **absolute)


def _in_words(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(str(part) for part in problem['loc']) or 'settings'}: {problem['msg']}"
        for problem in error.errors()
        if problem["type"] != "default_factory_not_called"
    )
