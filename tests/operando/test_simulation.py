import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devices.errors import LinkDownError
from devices.palmsens import PalmSens
from devices.serial_link import SerialLink
from operando.data_directory import read_json
from simulators.spectra import write_references
from tests.operando.waiting import wait_until


@pytest.fixture
def simulate(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    config = tmp_path / "operando.toml"
    config.write_text("[simulation]\npixels = 128\n")
    words = ["simulate", "--config", config, "--data", tmp_path / "d", "--addresses"]
    process = subprocess.Popen(
        [sys.executable, "-m", "operando.cli", *map(str, words), str(tmp_path / "addresses.json")],
        stdout=subprocess.PIPE,
    )
    yield process
    process.terminate()
    process.communicate(timeout=30)


def ask(resource: str, question: str) -> str:
    """Ask over a plain socket; the answer may take a restart of the instrument."""
    port = int(resource.split("::")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
        line.sendall(f"{question}\n".encode())
        return line.recv(200).decode().strip()


def identity(resource: str) -> str:
    try:
        return ask(resource, "*IDN?")
    except OSError:
        return ""


def off_state(resource: str) -> str:
    try:
        return ask(resource, ":OUTP:SMOD?")
    except OSError:
        return ""


def palmsens_identity(resource: str) -> str:
    instrument = PalmSens(SerialLink(resource))
    try:
        instrument.connect()
    except LinkDownError:
        return ""
    instrument.disconnect()
    return instrument.identity


@pytest.mark.slow
def test_the_simulated_beamline_serves_and_comes_back_at_the_same_address(
    simulate: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    addresses: dict[str, Any] = wait_until(
        lambda: read_json(tmp_path / "addresses.json"), "addresses", timeout_s=90
    )
    instruments = {"potentiostat", "impedance", "epics"}
    assert set(addresses) == instruments | {"references", "frames", "truth"}
    assert Path(addresses["references"]["charged"]).exists()
    assert "MODEL 2450" in identity(addresses["potentiostat"])
    # Mounted as a person would: the cell is not discharged by an instrument that is off.
    assert ask(addresses["potentiostat"], ":OUTP:SMOD?") == "HIMP"
    assert "PalmSens" in palmsens_identity(addresses["impedance"])

    (instrument,) = _children(simulate.pid, "simulators.instrument")
    os.kill(instrument, signal.SIGKILL)
    wait_until(lambda: instrument not in _children(simulate.pid, ""), "its end")
    wait_until(lambda: identity(addresses["potentiostat"]), "the same address", timeout_s=40)
    wait_until(lambda: palmsens_identity(addresses["impedance"]), "the same port", timeout_s=40)
    wait_until(lambda: off_state(addresses["potentiostat"]) == "HIMP", "mounted again")


def _children(parent: int, module: str) -> list[int]:
    listing = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(parent)], capture_output=True, text=True
    )
    lines = [line.split(maxsplit=1) for line in listing.stdout.splitlines()]
    return [int(pid) for pid, arguments in lines if module in arguments]


def test_the_references_have_the_names_that_the_addresses_promise(tmp_path: Path) -> None:
    paths = write_references(tmp_path)
    assert [path.name for path in paths] == ["pristine.xdi", "charged.xdi"]
