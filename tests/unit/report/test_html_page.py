# SPDX-License-Identifier: GPL-2.0-only
"""The HTML report as a file: whole, alone, and with nothing of a guest's in its markup."""

import base64
import gzip
import hashlib
import json
import re
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest
from report_run import OURS, drifts, make_run

from testbed.report.html import html_report
from testbed.report.html.page import SCRIPTS, charts, page


class Elements(HTMLParser):
    """What a browser would make of the page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = make_run(tmp_path_factory.mktemp("runs"))
    return html_report(folder, folder.header(), folder.records(), drifts())


def packed(text: str, name: str) -> bytes:
    [found] = re.findall(rf'id="packed-{name}">([^<]*)</script>', text)
    return gzip.decompress(base64.b64decode(found))


def test_a_guest_adds_no_element_to_the_page(text: str) -> None:
    parser = Elements()
    parser.feed(text)
    tags = [tag for tag, _ in parser.found]
    assert "img" not in tags
    groups = len(json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])["groups"])
    assert tags.count("script") == 2 + 2 * groups + 2  # data, program; of each group cells and maps; history, charts
    assert not [name for _, attributes in parser.found for name in attributes if name.startswith("on")]


def test_a_guests_words_are_all_there_as_data(text: str) -> None:
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])
    [evil] = [cell for cell in data["cells"] if cell["verdict"] == "crash"]
    assert evil["reason"].startswith("</script><img src=x onerror=")
    group = data["groups"].index(evil["group"])
    console = json.loads(packed(text, f"cells-{group}"))["cells"][evil["cell"]]["logs"][-1]
    assert console["name"] == "Console"
    assert "</script><img src=x" in console["text"]
    assert console["text"].endswith("last line")


def test_the_policy_lets_nothing_out_and_no_other_script_run(text: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    program = re.search(r"\n<script>(.*?)</script>", text, re.S)[1]
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy
    for script in (program, charts()):
        assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in policy
    assert "http" not in policy


def test_nothing_is_asked_from_anywhere(text: str) -> None:
    parser = Elements()
    parser.feed(text)
    for tag, attributes in parser.found:
        for name in ("src", "href", "action", "data", "srcset"):
            assert attributes.get(name) in (None, "data:,"), (tag, name)
    style = re.search(r"<style>(.*?)</style>", text, re.S)[1]
    assert "url(" not in style
    assert "@import" not in style


def test_the_program_makes_no_markup_from_text() -> None:
    for name in SCRIPTS:
        source = files("testbed.report.html").joinpath(name).read_text()
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\(|new Function", source), name
        assert "</script" not in source and "<!--" not in source


def test_every_script_beside_the_page_is_part_of_it() -> None:
    assert sorted(SCRIPTS) == sorted(
        one.name for one in files("testbed.report.html").iterdir() if one.name.endswith(".js")
    )


def test_the_same_run_gives_the_same_page(tmp_path: Path) -> None:
    folder = make_run(tmp_path)
    once, again = (html_report(folder, folder.header(), folder.records()) for _ in range(2))
    assert once == again


def test_the_page_of_a_small_run_is_small(text: str) -> None:
    assert len(text) < 2_300_000
    assert len(text) - len(page("Run", {}, {}, charts())) < 60_000


def test_a_run_whose_folders_are_gone_still_has_a_page(tmp_path: Path) -> None:
    folder = make_run(tmp_path)
    for path in (folder.path / "cells").rglob("*"):
        if path.is_file():
            path.unlink()
    text = html_report(folder, folder.header(), folder.records())
    assert f"{OURS}/minimal/benign/loop#1" in text


def test_a_run_without_a_record_has_a_page(tmp_path: Path) -> None:
    folder = make_run(tmp_path)
    assert '"cells":[]' in html_report(folder, folder.header(), [])


def test_a_slot_of_the_template_in_the_data_stays_as_it_is() -> None:
    assert "{{style}}" in page("Run", {"reason": "{{style}}"}, {}, "")
