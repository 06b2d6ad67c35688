# SPDX-License-Identifier: GPL-2.0-only
"""Nights on real guests: unchanged kernels raise no alarm, what is planted is found the first night and named."""

import fcntl
import shutil
from pathlib import Path

import pytest
from conftest import ROOT, tb

PLANTED = Path(__file__).with_name("planted")
MATRIX = """\
# SPDX-License-Identifier: GPL-2.0-only
kernels: [{kernels}]
scenarios:
  - benign/dontneed-loop: {{span: 64MiB}}
  - malicious/pte-flood: {{span: 64MiB}}
"""
KERNEL = "ptreclaim-6.12"


class Site:
    """A checkout of its own, with a small matrix, in which nights are spent."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("kernel", "guests", "scenarios"):
            shutil.copytree(ROOT / name, root / name)

    def matrix(self, *kernels: str) -> str:
        path = self.root / "scenarios" / "matrices" / "small.yaml"
        path.write_text(MATRIX.format(kernels=", ".join(kernels)))
        return "small"

    def plant(self, name: str) -> None:
        series = self.root / "kernel" / "series" / "ptreclaim"
        shutil.copy(PLANTED / name, series / name)
        with (series / "series").open("a") as file:
            file.write(f"{name}\n")

    def night(self, *words: str):
        return tb("nightly", "small", *words, cwd=self.root)


@pytest.fixture
def site(tmp_path) -> Site:
    return Site(tmp_path / "site")


def regressions(night) -> list[str]:
    return [line for line in night.stdout.splitlines() if line.startswith("REGRESSION")]


def test_two_nights_on_unchanged_kernels_raise_no_alarm_and_leave_all_reports(site):
    site.matrix("vanilla-6.12", KERNEL)
    for _ in range(2):
        night = site.night("--no-overhead", "--reports", "reports")
        assert (night.code, regressions(night)) == (0, []), night.stdout + night.stderr
    assert sorted(path.name for path in (site.root / "reports").iterdir()) == [
        "junit.xml",
        "kcidb.json",
        "report.html",
        "report.ktap",
    ]
    told = tb("history", cwd=site.root)
    assert told.code == 0
    assert len([line for line in told.stdout.splitlines() if "4 pass" in line]) == 2


def test_second_night_at_the_same_time_starts_nothing(site, tmp_path):
    site.matrix("vanilla-6.12")
    (site.root / "runs").mkdir()
    with (site.root / "runs" / ".nightly.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        night = site.night()
    assert night.code == 2
    assert "another night is under way there" in night.stderr
    assert not list((site.root / "runs").glob("2*"))


@pytest.mark.night
@pytest.mark.parametrize(
    ("patch", "metric"), [("leak.patch", "after.left_over.pte"), ("slow.patch", "cost.fault")], ids=["leak", "slow"]
)
def test_what_is_planted_is_found_the_first_night_and_named_with_its_first_bad_run(site, patch, metric):
    site.matrix("vanilla-6.12", KERNEL)
    good = site.night()
    assert good.code == 0, good.stdout + good.stderr
    site.plant(patch)
    bad = site.night()
    assert bad.code == 1, bad.stdout + bad.stderr
    first_good, first_bad = sorted(path.name for path in (site.root / "runs").glob("2*"))
    found = [line for line in regressions(bad) if f"{metric} " in line]
    assert found, bad.stdout
    assert all(f" {KERNEL} " in line and first_bad in line and first_good in line for line in found)
    assert not [line for line in regressions(bad) if " vanilla-6.12 " in line], bad.stdout
