"""What an engine does that nobody asked it to: for a cell too hot, and after it was killed."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from operando.data_directory import read_json
from simulators.world import World
from tests.system.service import Service

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

SLOW: dict[str, Any] = {"c_rate": 0.05, "scan_every_soc": 0.05}
# Channel Access reads its addresses once, and the tests' own process has others.
PUT = (
    "import sys, epicscorelibs.path.pyepics, epics;"
    "sys.exit(epics.caput(*sys.argv[1:3], wait=True, timeout=10.0) != 1)"
)


def put(service: Service, name: str, value: str) -> None:
    epics = (read_json(service.runtime.addresses) or {})["epics"]
    addresses = {"EPICS_CA_AUTO_ADDR_LIST": "NO", "EPICS_CA_ADDR_LIST": epics["ca_addr_list"]}
    command = [sys.executable, "-c", PUT, f"{epics['prefix']}{name}", value]
    subprocess.run(command, env={**os.environ, **addresses}, check=True, timeout=30.0)


def hot_alarms(service: Service) -> list[str]:
    alarms: list[dict[str, Any]] = service.status()["alarms"]
    return [alarm["message"] for alarm in alarms if alarm["who"] == "heater"]


@pytest.fixture
def lab(service_without_archive: Service) -> Iterator[Service]:
    lab = service_without_archive
    yield lab
    put(lab, "Sim:Fault", "")
    if lab.status()["worker"]["state"] != "IDLE":
        lab.change_state("ABORTING", reason="the test is over")
        lab.wait_for_worker("IDLE")
    if lab.status()["cell"]["state"] in {"running", "held"}:
        lab.command_cell("end", end_state="open_circuit")


def test_a_heater_that_runs_away_opens_the_circuit_under_an_experiment(lab: Service) -> None:
    lab.begin(**SLOW)
    lab.wait_for_phase("charging")
    put(lab, "Sim:Fault", "heater-runaway")
    lab.wait_for_cell("held")
    (alarm,) = lab.wait(lambda: hot_alarms(lab), "an alarm")
    assert "degC is outside 50 to 70 degC" in alarm
    assert "operando cell resume" in alarm
    assert lab.status()["worker"]["state"] == "RUNNING"
    refused = lab.http.post("/cell/resume")
    assert refused.status_code in {409, 422}
    assert "nothing was started: heater" in refused.text

    put(lab, "Sim:Fault", "")
    lab.wait(lambda: lab.http.post("/cell/resume").is_success, "a cell that may go on")
    counted_ah = lab.status()["cell"]["charge_ah"]
    lab.wait_for_charge(counted_ah + 1e-6)
    assert len(hot_alarms(lab)) == 1


def test_a_new_engine_disarms_what_a_killed_one_left_and_simulated_time_runs_again(
    lab: Service,
) -> None:
    clock = World.open(lab.runtime.world).clock
    lab.begin(**SLOW, exposure_s=0.5)
    lab.wait_for_phase("primary", frame=2)
    assert clock.rate == 1.0
    lab.kill("engine")
    lab.wait(lambda: clock.rate > 1.0, "simulated time that runs")
    lab.wait_until_ready()
