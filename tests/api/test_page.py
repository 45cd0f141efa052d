import re
from pathlib import Path

import pytest

import api
from tests.api.conftest import Service

STATIC = Path(api.__file__).parent / "static"
SCRIPTS = sorted(STATIC.glob("*.js"))
PAGE = (STATIC / "index.html").read_text()
EVERYTHING = [STATIC / "index.html", STATIC / "style.css", *SCRIPTS]


@pytest.mark.parametrize("path", EVERYTHING, ids=lambda path: path.name)
def test_nothing_is_loaded_from_another_host(path: Path) -> None:
    addresses = re.findall(r"(?:https?:)?//[\w.-]+\.\w+[\w/.-]*", path.read_text())
    assert addresses == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_text_from_the_wire_never_becomes_html(path: Path) -> None:
    script = path.read_text()
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert word not in script


def test_every_element_that_a_script_asks_for_is_on_the_page() -> None:
    there = set(re.findall(r'id="([\w-]+)"', PAGE))
    for path in SCRIPTS:
        script = path.read_text()
        asked = set(
            re.findall(r'(?:getElementById|put|allow|Card|Chooser|super)\("([\w-]+)"', script)
        )
        assert asked <= there, path.name


def test_every_module_that_a_script_imports_is_there() -> None:
    for path in SCRIPTS:
        for name in re.findall(r'from "\./([\w.]+)"', path.read_text()):
            assert (STATIC / name).exists()


def test_the_page_has_no_style_or_script_of_its_own() -> None:
    assert " style=" not in PAGE
    assert re.findall(r"<script(?![^>]*src=)", PAGE) == []
    assert re.findall(r"\son\w+=", PAGE) == []


def test_every_control_has_a_name() -> None:
    for tag in re.findall(r"<(?:canvas|input)[^>]*>", PAGE):
        assert "aria-label" in tag or "aria-hidden" in tag or 'id="confirm-reason"' in tag


def test_the_page_is_served_with_its_types(shared_service: Service) -> None:
    types = {
        "/": "text/html; charset=utf-8",
        "/app.js": "text/javascript; charset=utf-8",
        "/style.css": "text/css; charset=utf-8",
        "/icon.svg": "image/svg+xml",
    }
    for path, kind in types.items():
        answer = shared_service.client.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
