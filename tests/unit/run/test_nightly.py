# SPDX-License-Identifier: GPL-2.0-only
"""What a night does around its run: sources, the blame, what it keeps, and what it never takes away."""

from dataclasses import replace
from pathlib import Path

import pytest

from testbed.errors import BuildError, SpecError
from testbed.judge.drift import judge_series
from testbed.judge.trend import Point, Series, SeriesKey
from testbed.run.nightly import sources
from testbed.run.nightly.blame import blamed
from testbed.run.nightly.night import LOCK, NightPlan, nightly, prune_nights
from testbed.run.nightly.retention import NIGHT, evidence_of, nights, prune, too_old
from testbed.run.nightly.sources import News, look_up, twins
from testbed.run.plan import Request
from testbed.spec import resolve_kernel
from testbed.store.durable import hold
from testbed.store.folder import RunFolder, history_url
from testbed.store.history import open_history
from testbed.store.record import CellResult

ROOT = Path(__file__).resolve().parents[3]
NEWS = News("ptreclaim-6.12+debug", "6.12.115", "6.12.117")


def quiet(step: str, what: str) -> None:
    """Tell nobody."""


def kernels(*names: str):
    return [resolve_kernel(ROOT, name) for name in names]


def test_archive_is_asked_once_for_each_package_and_only_what_changed_is_news(monkeypatch):
    asked = []
    monkeypatch.setattr(sources, "newest_release", lambda source, *_: asked.append(source.package) or "6.12.117")
    last = {"vanilla-6.12": "6.12.115-2~deb12u1", "ptreclaim-6.12": "6.12.117-1~deb12u1"}
    news = look_up(kernels("vanilla-6.12", "ptreclaim-6.12", "pte_ref-6.12"), last, quiet)
    assert news == [News("vanilla-6.12", "6.12.115", "6.12.117")]
    assert asked == ["linux-source-6.12"]


def test_source_of_which_nothing_is_known_is_no_news_and_ends_no_night(monkeypatch):
    def refuse(*_):
        raise BuildError("no network\nat all")

    said = []
    monkeypatch.setattr(sources, "newest_release", refuse)
    assert look_up(kernels("vanilla-6.12"), {}, lambda step, what: said.append(what)) == []
    assert said == ["no network"]


def test_kernel_with_a_new_source_is_followed_by_itself_as_it_was():
    assert NEWS.twin == "ptreclaim-6.12@6.12.115+debug"
    assert resolve_kernel(ROOT, NEWS.twin).source.release == "6.12.115"
    assert twins(["vanilla-6.12", NEWS.kernel], [NEWS]) == ("vanilla-6.12", NEWS.kernel, NEWS.twin)


KEY = SeriesKey("benign/x", NEWS.kernel, "minimal", "after.left_over.pte")


def series(*values: float, key: SeriesKey = KEY, since: int = 1) -> Series:
    runs = [f"2026110{number}T000000Z" for number in range(since, since + len(values))]
    points = [Point(run, run, f"k/g/s@{run}", value, "pass", "k", "p", "6.12", "g", "h", "tcg") for run, value in
              zip(runs, values, strict=True)]  # fmt: skip
    return Series.of(key, points)


@pytest.mark.parametrize(
    ("twin", "said"),
    [(0, "6.12.115 of the same night has it not: 6.12.117 brought it"), (500, "6.12.115 has it as well")],
)
def test_twin_of_the_same_night_tells_whether_the_release_is_to_blame(twin, said):
    mine, beside = series(0, 0, 0, 500), series(twin, key=replace(KEY, kernel=NEWS.twin), since=4)
    told = [(each, judge_series(each)) for each in (mine, beside)]
    assert [drift.kind for _, drift in told] == ["regression", "new"]
    told = blamed(told, [NEWS], mine.points[-1].run)
    assert told == [f"{NEWS.kernel} benign/x after.left_over.pte: {said}"]


def folder_of(out: Path, number: int, **facts) -> RunFolder:
    folder = RunFolder(out / f"202611{number:02}T000000Z")
    folder.path.mkdir(parents=True)
    (folder.path / "results.jsonl").touch()
    folder.write_header({"run": folder.id, **facts})
    return folder


def test_oldest_nights_go_but_not_those_that_an_open_regression_stands_on_nor_what_a_person_ran(tmp_path):
    for number in range(1, 7):
        folder_of(tmp_path, number, **{NIGHT: ["quick"]})
    folder_of(tmp_path, 9)
    torn = folder_of(tmp_path, 8)
    (torn.path / "run.json").write_text("{")
    # good in 1 and 2, bad since 3
    evidence = evidence_of([judge_series(series(0, 0, 500, 500, 500, 500))])
    runs = nights(tmp_path)
    assert [folder.id[6:8] for folder in runs] == ["01", "02", "03", "04", "05", "06"]
    assert list(prune(too_old(runs, 2, evidence | {"20261102T000000Z", "20261103T000000Z"}))) == ["20261101T000000Z",
        "20261104T000000Z"]  # fmt: skip
    assert [path.name[6:8] for path in sorted(tmp_path.glob("2*"))] == ["02", "03", "05", "06", "08", "09"]
    assert {run[6:8] for run in evidence} == {"02", "03"}


def night_of(out: Path, number: int, scenario: str, left_over: int) -> RunFolder:
    """A night of one cell that ended as expected, and left so many tables over."""
    cell = f"vanilla-6.12/minimal/{scenario}#1"
    kernels, guests = {"vanilla-6.12": {"key": "k"}}, {"minimal": {"key": "g"}}
    folder = folder_of(out, number, **{NIGHT: ["x"]}, cells=[cell], kernels=kernels, guests=guests)
    record = CellResult(
        run=folder.id,
        cell=cell,
        kernel={"name": "vanilla-6.12", "release": "6.12.1", "source_version": "6.12.1-1", "patchset_hash": None},
        guest={"name": "minimal", "vcpus": 1, "memory_mib": 512, "levels": 4},
        scenario={"name": scenario, "kind": "benign", "params": {}},
        accel={"kind": "tcg", "reason": "said so"},
        verdict="pass",
        reason="",
        wall_s=1.0,
        start_s=1.0,
        exit=None,
        phases={"after": {"left_over": {"pte": left_over}}},
        values={},
        crash=None,
    )
    folder.append(record.record())
    return folder


def test_nights_of_one_matrix_leave_the_evidence_of_a_regression_that_another_matrix_has(tmp_path):
    left_over = {1: ("benign/a", 0), 2: ("benign/a", 0), 3: ("benign/a", 500)}
    quiet_nights = dict.fromkeys(range(4, 8), ("benign/b", 0))
    with open_history(history_url(tmp_path)) as history:
        for number, (scenario, tables) in (left_over | quiet_nights).items():
            history.import_run(night_of(tmp_path, number, scenario, tables))
        wanted = NightPlan(Request(ROOT), tmp_path, history_url(tmp_path), 2, overhead=False)
        gone = prune_nights(wanted, history)
        assert [row.id for row in history.runs() if row.pruned] == list(gone)
    assert [run[6:8] for run in gone] == ["01", "04", "05"]
    assert [path.name[6:8] for path in sorted(tmp_path.glob("2*"))] == ["02", "03", "06", "07"]


def test_night_that_somebody_goes_on_with_stays(tmp_path):
    held = folder_of(tmp_path, 1, **{NIGHT: ["quick"]})
    held.hold()
    assert list(prune(too_old([RunFolder(held.path), folder_of(tmp_path, 2)], 1, ()))) == []
    assert held.path.is_dir()


def test_second_night_at_the_same_time_and_a_misspelt_matrix_start_nothing(tmp_path):
    def wanted(matrix: str) -> NightPlan:
        return NightPlan(Request(ROOT, (matrix,)), tmp_path, history_url(tmp_path), 30, overhead=False)

    with pytest.raises(SpecError, match="quikc"):
        nightly(wanted("quikc"), quiet, lambda _: None)
    held = hold(tmp_path / LOCK)
    with pytest.raises(SpecError, match="another night is under way there"):
        nightly(wanted("quick"), quiet, lambda _: None)
    held.close()
    assert not list(tmp_path.glob("2*"))
