# SPDX-License-Identifier: GPL-2.0-only
"""The examples of nightly CI are what their programs take."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "docs" / "ci"


@pytest.mark.parametrize(
    ("schema", "name"), [("vendor.github-workflows", "github-actions.yml"), ("vendor.gitlab-ci", "gitlab-ci.yml")]
)
def test_pipeline_is_valid_by_the_schema_of_its_server(schema, name):
    argv = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, EXAMPLES / name]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here; apt-get install systemd")
def test_units_are_valid_and_name_a_command_that_is_there(tmp_path):
    units = sorted(EXAMPLES.glob("testbed-nightly.*"))
    for unit in units:
        (tmp_path / unit.name).write_text(unit.read_text().replace("/srv/testbed/tb", str(ROOT / "tb")))
    argv = ["systemd-analyze", "verify", "--man=no", *(tmp_path / unit.name for unit in units)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_command_of_each_example_is_one_that_the_command_line_takes():
    lines = [
        line for path in sorted(EXAMPLES.iterdir()) for line in path.read_text().splitlines() if "tb nightly" in line
    ]
    options = {word for line in lines for word in line.split() if word.startswith("--")}
    argv = [sys.executable, "-c", "from testbed.cli import main; main()", "nightly", "--help"]
    known = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert len(lines) == 3
    assert {option for option in options if option not in known} == set()
