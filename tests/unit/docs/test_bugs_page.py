# SPDX-License-Identifier: GPL-2.0-only
"""What docs/bugs.md shows is what bug files take."""

import re
from pathlib import Path

import pytest

from testbed.spec import load_bug
from testbed.spec.bugsign import CRASH_KINDS

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "bugs.md").read_text()
WHOLE, SHELL, KERNELS, RACES = re.findall(r"```yaml\n(.*?)```", PAGE, re.S)
HEAD = "title: lost\nreport: a mail\n"
SIGNATURE = "signature: [{said: lost}]\n"


@pytest.mark.parametrize(
    "text", [WHOLE, HEAD + "kernel: vanilla-6.12\n" + SIGNATURE + SHELL + RACES], ids=["whole", "shell and races"]
)
def test_example_is_a_bug_file(tmp_path: Path, text: str) -> None:
    file = tmp_path / "example.yaml"
    file.write_text(text)
    assert load_bug(ROOT, file).kernels


def test_examples_of_kernels_are_called_as_the_page_says(tmp_path: Path) -> None:
    for name in ("lock-dropped.patch", "0001-their-change.patch", "more.config", "theirs.config"):
        (tmp_path / name).touch()
    first, second, *third = KERNELS.replace("40 hex digits", "01" * 20).splitlines()
    for text in (first, second, "\n".join(third)):
        file = tmp_path / "NAME.yaml"
        file.write_text(f"{HEAD}scenario: benign/dontneed-loop\n{SIGNATURE}{text}\n")
        (kernel,) = load_bug(ROOT, file).kernels
        assert text.splitlines()[0].endswith(f"# {kernel.name}")


def test_every_kind_of_crash_is_listed() -> None:
    (listed,) = re.findall(r"Kinds of crashes:\n`([^`]+)`", PAGE)
    assert tuple(listed.split()) == CRASH_KINDS
