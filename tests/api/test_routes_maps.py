import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.api.conftest import Service


@pytest.fixture(scope="module")
def service_with_maps(module_service: Service) -> Service:
    module_service.story.start()
    module_service.story.whole_scan()
    module_service.story.charge_to(0.5)
    module_service.story.whole_scan()
    module_service.caught_up()
    return module_service


def array(content: bytes) -> np.ndarray:
    return np.load(io.BytesIO(content), allow_pickle=False)


def test_the_map_over_http_is_the_map_of_the_fit(service_with_maps: Service) -> None:
    truth = service_with_maps.story.soc_truth()
    over = np.isfinite(truth)
    found = array(service_with_maps.get("/soc/latest.npy").content)
    sigma = array(service_with_maps.get("/soc/latest.npy?quantity=sigma").content)
    assert np.array_equal(np.isfinite(found), over)
    pulls = (found - truth)[over] / sigma[over]
    assert abs(pulls.std() - 1.0) < 0.1


def test_a_scan_is_named_by_its_number(service_with_maps: Service) -> None:
    pristine = service_with_maps.get("/soc/0.json").json()
    charged = service_with_maps.get("/soc/1.json").json()
    assert (pristine["scan_index"], charged["scan_index"]) == (0, 1)
    assert charged["mean_soc"] - pristine["mean_soc"] > 0.4
    assert charged["shape"] == [64, 64]
    assert charged["quantities"] == ["soc", "sigma"]
    assert charged["provisional"] is False


def test_a_map_that_is_known_is_not_sent_again(service: Service) -> None:
    service.story.start()
    service.story.whole_scan()
    service.caught_up()
    first = service.get("/soc/latest.png")
    headers = {"If-None-Match": first.headers["ETag"]}
    assert service.get("/soc/latest.png", headers=headers).status_code == 304
    service.story.scans[-1].fit()
    service.caught_up()
    again = service.get("/soc/latest.png", headers=headers)
    assert again.status_code == 200
    assert again.headers["ETag"] != first.headers["ETag"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("binning=0", "binning"),
        ("binning=1000000000", "binning"),
        ("vmin=nan", "vmin"),
        ("vmin=0.5&vmax=0.5", "vmax"),
        ("cmap=__class__", "cmap"),
        ("quantity=../truth", "quantity"),
    ],
)
def test_a_picture_out_of_bounds_is_refused_by_name(
    service_with_maps: Service, query: str, field: str
) -> None:
    answer = service_with_maps.get(f"/soc/latest.png?{query}")
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("name", ["7", "..%2f..%2fetc", "-1", "latest%00", "1e3"])
def test_a_scan_that_is_not_there_is_not_found(service_with_maps: Service, name: str) -> None:
    answer = service_with_maps.get(f"/soc/{name}.png")
    assert answer.status_code in (404, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_map_whose_file_has_gone_is_not_found(service: Service) -> None:
    service.story.start()
    service.story.whole_scan()
    service.caught_up()
    for path in Path(service.story.data.maps).glob("*.h5"):
        path.unlink()
    answer = service.get("/soc/latest.png")
    assert answer.status_code == 404
    assert "scan 0" in answer.json()["detail"]


def test_a_quantity_that_was_not_fitted_is_not_found(service_with_maps: Service) -> None:
    answer = service_with_maps.get("/soc/latest.npy?quantity=chi2")
    assert answer.status_code == 404
    assert "soc, sigma" in answer.json()["detail"]


def test_many_clients_get_the_same_picture_at_once(service_with_maps: Service) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: service_with_maps.get("/soc/latest.png"), range(32)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1


def test_a_binned_map_is_smaller(service_with_maps: Service) -> None:
    assert array(service_with_maps.get("/soc/latest.npy?binning=4").content).shape == (16, 16)
