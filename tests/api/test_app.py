from tests.api.conftest import Service


def test_a_session_without_an_experiment_answers_everything(service: Service) -> None:
    status = service.get("/status").json()
    assert status["experiment"] is None
    assert status["soc"] is None
    assert status["cell"]["state"] == "unknown"
    assert service.get("/scans").json() == []
    assert service.get("/echem").json()["voltage_v"] == []
    assert service.get("/tasks").json() == {"tasks": []}
    assert service.get("/soc/latest.png").status_code == 404
    assert service.get("/healthz").json() == {"status": "ok"}
    assert [plan["name"] for plan in service.get("/plans").json()["plans"]] == ["operando_charge"]


def test_an_experiment_is_told_from_its_documents(service: Service) -> None:
    story = service.story
    story.worker("IDLE")
    story.start()
    story.whole_scan()
    story.charge_to(0.1)
    story.whole_scan()
    story.charge_to(0.2)
    scan = story.scan()
    scan.darks()
    scan.flats()
    for _ in range(7):
        scan.frame()
    service.caught_up()
    status = service.get("/status").json()
    experiment = status["experiment"]
    assert status["worker"]["state"] == "RUNNING"
    assert status["worker"]["plan"] == "operando_charge"
    assert experiment["phase"] == "primary"
    assert (experiment["frame"], experiment["frames"]) == (7, 12)
    assert experiment["energy_label_ev"] == 8045.0
    assert (experiment["scan_index"], experiment["scans_done"]) == (2, 2)
    assert abs(experiment["fraction"] - 0.2) < 0.002
    assert status["soc"]["n_energies"] == 7
    assert status["soc"]["provisional"] is True
    assert abs(status["cell"]["counted_soc"] - 0.2) < 0.002
    scans = service.get("/scans").json()
    assert [scan["complete"] for scan in scans] == [True, True, False]
    assert abs(scans[1]["mean_soc"] - 0.1) < 0.02
    spectrum = service.get("/scans/1/spectrum").json()
    assert spectrum["energy_labels_ev"][-1] == 8055.0
    assert len(spectrum["optical_density"]) == 12
    assert service.get("/soc/latest.png").content.startswith(b"\x89PNG")
