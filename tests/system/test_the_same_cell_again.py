"""A service that ends and one that begins on the same data directory: which cell is there?"""

import json
from pathlib import Path
from typing import Any

import pytest

from operando.data_directory import DataDirectory
from simulators.cell import PRESETS, Cell
from tests.system.service import Service

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

TITRATION = {"c_rate": 0.2, "pulse_s": 1200.0, "rest_s": 600.0, "period_s": 10.0}
PULSE_SOC = 0.2 * 170.0 / 162.5 * 1200.0 / 3600.0
MASS_G = 2e-3


def titrate(service: Service, direction: str, *, pulses: int) -> None:
    params = {**TITRATION, "direction": direction, "pulses": pulses}
    answer = service.submit("gitt", **params).raise_for_status()
    task_id = str(answer.json()["task_id"])
    service.start(task_id).raise_for_status()
    assert service.finish(task_id)["state"] == "succeeded"


def simulated_soc(data: DataDirectory, name: str) -> float:
    """What the cell really is that lies in the data directory."""
    cell = Cell(PRESETS["asslb"])
    file = data.simulated_cell(name=name, kind="asslb", mass_g=MASS_G)
    cell.remember(json.loads(file.read_text()))
    return cell.soc


def counted_soc(service: Service) -> float:
    return float(service.get("/cell")["counted_soc"])


def socs_of_pulses(service: Service, count: int) -> list[float]:
    def all_there() -> Any:
        found = service.get("/analysis?kind=gitt")["gitt"]
        return found if len(found) == count else None

    found = service.wait(all_there, "the evaluation of the last pulse")
    return [pulse["soc"] for pulse in found]


def test_a_cell_is_titrated_up_and_in_the_next_service_down_from_there(tmp_path: Path) -> None:
    with Service(tmp_path, archive=False) as service:
        service.wait_until_ready()
        titrate(service, "charge", pulses=4)
        up_soc = counted_soc(service)
        assert up_soc == pytest.approx(4.0 * PULSE_SOC, abs=0.003)
        data = service.data
    assert simulated_soc(data, "asslb") == pytest.approx(up_soc, abs=0.003)

    with Service(tmp_path, archive=False) as service:
        service.wait_until_ready()
        assert counted_soc(service) == pytest.approx(up_soc, abs=1e-9)
        titrate(service, "discharge", pulses=2)
        # Before its first pulse the cell has what the charge of the service before has left.
        expected = [up_soc, up_soc - PULSE_SOC]
        assert socs_of_pulses(service, 2) == pytest.approx(expected, abs=0.003)
        down_soc = counted_soc(service)
        assert down_soc == pytest.approx(up_soc - 2.0 * PULSE_SOC, abs=0.003)
    assert simulated_soc(data, "asslb") == pytest.approx(down_soc, abs=0.005)


def test_a_new_name_is_a_fresh_cell_and_the_old_one_waits_for_its_own(tmp_path: Path) -> None:
    with Service(tmp_path, archive=False) as service:
        service.wait_until_ready()
        titrate(service, "charge", pulses=4)
        up_soc = counted_soc(service)
    with Service(tmp_path, archive=False, cell_name="B 2") as service:
        service.wait_until_ready()
        service.wait(lambda: service.get("/cell")["name"] == "B 2", "the new cell")
        assert counted_soc(service) == 0.0
        answer = service.http.post("/cell/mount", json={"charge_ah": 65e-6})
        assert answer.status_code == 202
        service.wait(lambda: counted_soc(service) == pytest.approx(0.2), "the count")
        assert simulated_soc(service.data, "B 2") == pytest.approx(0.0, abs=0.003)
    with Service(tmp_path, archive=False) as service:
        service.wait_until_ready()
        service.wait(lambda: service.get("/cell")["name"] == "asslb", "the first cell")
        assert counted_soc(service) == pytest.approx(up_soc, abs=1e-9)
