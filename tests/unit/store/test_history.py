# SPDX-License-Identifier: GPL-2.0-only
"""History gives back what records say, on SQLite and on PostgreSQL."""

from pathlib import Path
from typing import Any

import pytest
from nights import HOST, KERNELS, SCENARIOS, begin_night, from_records, name_of, night, planned, record, rewrite
from sqlalchemy import select

from testbed.errors import SpecError
from testbed.judge.trend import VERDICT
from testbed.store.folder import RunFolder
from testbed.store.history import Imported, Pick, open_history
from testbed.store.history.database import Database
from testbed.store.history.tables import Base, Cell, Host, Kernel, Measurement, Phase, Tools


def rows(url: str, statement: Any) -> list[Any]:
    with Database.of(url).reading() as connection:
        return list(connection.execute(statement).mappings())


def test_series_are_those_of_the_records(url: str, tmp_path: Path) -> None:
    folders = [night(tmp_path, number) for number in range(3)]
    with open_history(url) as history:
        for folder in reversed(folders):
            history.import_run(folder)
        assert history.series() == from_records(*folders)


def test_run_that_is_imported_twice_is_there_once(url: str, tmp_path: Path) -> None:
    folder = night(tmp_path, 0)
    with open_history(url) as history:
        first, second = history.import_run(folder), history.import_run(folder)
        assert first == Imported(folder.id, cells=4, added=4, replaced=0)
        assert second == Imported(folder.id, cells=4, added=0, replaced=0)
        assert len(history.runs()) == 1
        assert history.series() == from_records(folder)


def test_history_outlives_whoever_opened_it(url: str, tmp_path: Path) -> None:
    folder = night(tmp_path, 0)
    with open_history(url) as history:
        history.import_run(folder)
    with open_history(url) as history:
        assert history.series() == from_records(folder)


def test_resumed_run_gets_its_new_cells_and_no_doubles(url: str, tmp_path: Path) -> None:
    folder = night(tmp_path, 0, cells=planned()[:1])
    with open_history(url) as history:
        history.import_run(folder)
        assert [(row.cells, row.planned) for row in history.runs()] == [(1, 4)]
        folder.write_header({**folder.header(), "resumed": [{"at": "2026-01-01T03:00:00+00:00"}]})
        for cell in planned()[1:]:
            folder.append(record(folder, cell))
        assert history.import_run(folder) == Imported(folder.id, cells=4, added=3, replaced=0)
        assert history.series() == from_records(folder)


def test_record_that_changed_since_is_replaced_with_its_numbers_and_phases(url: str, tmp_path: Path) -> None:
    folder = night(tmp_path, 0, verdict="fail")
    with open_history(url) as history:
        history.import_run(folder)
        records = folder.records()
        first = {"verdict": "fail", "reason": "after.left_over.pte 40 > 16"}
        records[0] |= {"verdict": "flake", "first": first, "phases": {"start": records[0]["phases"]["start"]}}
        rewrite(folder, records)
        assert history.import_run(folder) == Imported(folder.id, cells=4, added=0, replaced=1)
        assert history.series() == from_records(folder)
    (cell,) = rows(url, select(Cell.__table__).where(Cell.verdict == "flake"))
    assert (cell["first_verdict"], cell["first_reason"]) == ("fail", "after.left_over.pte 40 > 16")
    assert len(rows(url, select(Phase.position).where(Phase.cell_id == cell["id"]))) == 1


def test_of_two_records_of_a_cell_the_later_counts(url: str, tmp_path: Path) -> None:
    folder = night(tmp_path, 0, verdict="fail")
    before = folder.records()
    again = record(folder, before[0]["cell"])
    folder.append(again)
    with open_history(url) as history:
        assert history.import_run(folder).cells == 4
        got = history.series()
    rewrite(folder, [again, *before[1:]])
    assert got == from_records(folder)


def test_cell_that_was_skipped_is_in_history_by_its_verdict(url: str, tmp_path: Path) -> None:
    folder = night(
        tmp_path, 0, kernel={"name": KERNELS[0]}, cells=planned()[:1], phases={}, start_s=None, verdict="skip"
    )
    with open_history(url) as history:
        history.import_run(folder)
        (series,) = history.series()
        assert series.key.metric == VERDICT
        assert [series] == from_records(folder)
        assert history.runs()[0].verdicts == {"skip": 1}


def test_run_of_an_old_version_is_imported(url: str, tmp_path: Path) -> None:
    old = {"kernel": "6.18.44", "machine": "x86_64", "cpus": 2, "memory_mib": 24105, "python": "3.11.7", "qemu": "7.2"}
    folder = begin_night(tmp_path, 0, host=old)
    for cell in planned():
        told = record(folder, cell)
        for name in ("host", "first", "costs", "subtests", "crash"):
            del told[name]
        del told["phases"]["peak"]["readings"]
        folder.append(told)
    with open_history(url) as history:
        history.import_run(folder)
        assert history.series() == from_records(folder)
        assert history.runs()[0].host == ""


def test_header_with_nothing_but_an_id_is_enough(url: str, tmp_path: Path) -> None:
    folder = night(tmp_path, 0)
    folder.write_header({"run": folder.id})
    with open_history(url) as history:
        history.import_run(folder)
        assert history.series() == from_records(folder)


def test_costs_of_a_bench_are_in_history(url: str, tmp_path: Path) -> None:
    cost = {"instructions": 6259.3, "reclaim": None, "ratio": None}
    cell = f"{KERNELS[0]}/minimal/bench/overhead#1"
    folder = night(tmp_path, 0, cells=[cell], phases={}, start_s=None, verdict="done", costs={"fault": cost})
    with open_history(url) as history:
        history.import_run(folder)
        (series,) = history.series(Pick(metric="cost.*"))
    assert series.points[0].value == 6259.3
    assert series in from_records(folder)


def test_attempts_of_one_cell_are_points_of_one_series(url: str, tmp_path: Path) -> None:
    cells = [f"{KERNELS[0]}/minimal/{SCENARIOS[0]}#{attempt}" for attempt in (2, 1, 10)]
    folder = night(tmp_path, 0, cells=cells)
    with open_history(url) as history:
        history.import_run(folder)
        (series,) = history.series(Pick(metric="wall_s"))
        assert len(series.points) == 3
        assert history.series() == from_records(folder)


def test_phases_are_kept_with_their_order_and_agreement(url: str, tmp_path: Path) -> None:
    folder = night(tmp_path, 0, cells=planned()[:1])
    records = folder.records()
    records[0]["phases"]["peak"]["agree"] = False
    rewrite(folder, records)
    with open_history(url) as history:
        history.import_run(folder)
    kept = rows(url, select(Phase.__table__).order_by(Phase.position))
    assert [(phase["name"], phase["agree"]) for phase in kept] == [("start", True), ("peak", False), ("after", True)]
    assert {(phase["readings"], phase["settle_ms"]) for phase in kept} == {(2, 24.0)}


def test_crash_is_kept_by_fingerprint_whatever_the_console_held(url: str, tmp_path: Path) -> None:
    crash = {"kind": "kasan", "title": "KASAN: \0 in \ud83d free_pgtables", "fingerprint": "f00d", "frames": []}
    folder = night(tmp_path, 0, verdict="crash", reason="KASAN: \0", crash=crash)
    with open_history(url) as history:
        history.import_run(folder)
        assert history.import_run(folder).replaced == 0
    (title, reason) = rows(url, select(Cell.crash_title, Cell.reason).where(Cell.crash_fingerprint == "f00d"))[
        0
    ].values()
    assert title == "KASAN: \ufffd in ? free_pgtables"
    assert reason == "KASAN: \ufffd"


def test_what_cells_share_stands_once(url: str, tmp_path: Path) -> None:
    with open_history(url) as history:
        for number in range(3):
            history.import_run(night(tmp_path, number))
    assert len(rows(url, select(Host.__table__))) == 1
    assert [tools["testbed"] for tools in rows(url, select(Tools.__table__))] == ["0.1.0"]
    kernels = rows(url, select(Kernel.__table__).order_by(Kernel.name))
    assert [(kernel["name"], kernel["key"]) for kernel in kernels] == [(KERNELS[0], "a" * 64), (KERNELS[1], "b" * 64)]


def test_runs_that_two_hosts_began_in_one_second_stand_side_by_side(url: str, tmp_path: Path) -> None:
    here, there = night(tmp_path / "here", 0), night(tmp_path / "there", 0)
    there.write_header({**there.header(), "host": {**HOST, "name": "two"}})
    with open_history(url) as history:
        for folder in (here, there, here):
            history.import_run(folder)
        assert [(row.id, row.host, row.cells) for row in history.runs()] == [(here.id, "one", 4), (here.id, "two", 4)]
        assert history.series() == from_records(here, there)


def test_run_under_way_without_a_record_is_in_history(url: str, tmp_path: Path) -> None:
    with open_history(url) as history:
        history.import_run(begin_night(tmp_path, 0))
        (row,) = history.runs()
        assert (row.id, row.at, row.cells, row.planned) == (name_of(0), "2026-01-01T02:30:00+00:00", 0, 4)
        assert history.series() == []


def test_numbers_stay_when_the_folder_is_pruned(url: str, tmp_path: Path) -> None:
    folder = night(tmp_path, 0)
    kept = from_records(folder)
    with open_history(url) as history:
        history.import_run(folder)
        assert not history.runs()[0].pruned
        assert history.runs()[0].folder == str(folder.path)
        assert history.mark_pruned(folder.id)
        assert history.runs()[0].pruned
        assert history.series() == kept
        assert not history.mark_pruned("20200101T000000Z")


@pytest.mark.parametrize(
    ("pick", "keep"),
    [
        (Pick(scenario="benign/*"), lambda key: key.scenario.startswith("benign/")),
        (Pick(scenario=SCENARIOS[1]), lambda key: key.scenario == SCENARIOS[1]),
        (Pick(kernel="vanilla-*"), lambda key: key.kernel == "vanilla-6.12"),
        (Pick(guest="min?mal"), lambda key: True),
        (Pick(guest="nobody"), lambda key: False),
        (Pick(metric="after.left_over.*"), lambda key: key.metric.startswith("after.left_over.")),
        (Pick(metric=VERDICT), lambda key: key.metric == VERDICT),
        (Pick(metric="[pw]*_[ks]*"), lambda key: key.metric in ("peak.vmpte_kb", "wall_s")),
        (Pick(metric="No*"), lambda key: False),
        (Pick(kernel="PTRECLAIM-*"), lambda key: False),
    ],
)
def test_pick_takes_patterns(url: str, tmp_path: Path, pick: Pick, keep: Any) -> None:
    folders = [night(tmp_path, number) for number in range(2)]
    with open_history(url) as history:
        for folder in folders:
            history.import_run(folder)
        assert history.series(pick) == [series for series in from_records(*folders) if keep(series.key)]


def test_pick_takes_the_newest_runs_up_to_one(url: str, tmp_path: Path) -> None:
    folders = [night(tmp_path, number) for number in range(5)]
    with open_history(url) as history:
        for folder in folders:
            history.import_run(folder)
        assert history.series(Pick(last=2)) == from_records(*folders[3:])
        assert history.series(Pick(until=name_of(2))) == from_records(*folders[:3])
        assert history.series(Pick(last=2, until=name_of(3))) == from_records(*folders[2:4])
        assert history.series(Pick(last=99)) == from_records(*folders)


def test_newest_runs_are_those_that_have_what_is_asked_for(url: str, tmp_path: Path) -> None:
    whole = [night(tmp_path, number) for number in range(2)]
    one_kernel = [night(tmp_path, number, cells=planned()[:2]) for number in (2, 3)]
    with open_history(url) as history:
        for folder in [*whole, *one_kernel]:
            history.import_run(folder)
        (series,) = history.series(Pick(kernel=KERNELS[1], scenario=SCENARIOS[0], metric="wall_s", last=2))
    assert [point.run for point in series.points] == [name_of(0), name_of(1)]


def test_run_that_is_not_in_history_is_named_with_the_latest_that_is(url: str, tmp_path: Path) -> None:
    with open_history(url) as history:
        history.import_run(night(tmp_path, 0))
        with pytest.raises(SpecError, match=rf"^x: history has no run of that id; the latest there is {name_of(0)}$"):
            history.series(Pick(until="x"))


def test_fewer_than_one_run_is_refused(url: str) -> None:
    with open_history(url) as history, pytest.raises(SpecError, match="last: 0 runs"):
        history.series(Pick(last=0))


def test_record_that_is_none_is_named_and_nothing_is_imported(url: str, tmp_path: Path) -> None:
    folder = night(tmp_path, 0)
    folder.append({"cell": "k/g/benign/x#1", "verdict": "pass"})
    with open_history(url) as history:
        with pytest.raises(SpecError, match=r"results\.jsonl: k/g/benign/x#1: no record as a run writes it"):
            history.import_run(folder)
        assert history.runs() == []


def test_number_that_is_none_is_named_and_nothing_is_imported(url: str, tmp_path: Path) -> None:
    folder = night(tmp_path, 0, wall_s=float("nan"))
    with open_history(url) as history:
        with pytest.raises(SpecError, match="wall_s is nan"):
            history.import_run(folder)
        assert history.runs() == []


def test_header_without_an_id_is_named(url: str, tmp_path: Path) -> None:
    folder = night(tmp_path, 0)
    RunFolder.write_header(folder, {"run": "nightly"})
    with open_history(url) as history, pytest.raises(SpecError, match=r"run\.json: lacks the run's id"):
        history.import_run(folder)


def test_every_number_points_to_a_cell(url: str, tmp_path: Path) -> None:
    with open_history(url) as history:
        history.import_run(night(tmp_path, 0))
    cells = {row["id"] for row in rows(url, select(Cell.id))}
    assert {row["cell_id"] for row in rows(url, select(Measurement.cell_id).distinct())} == cells
    assert set(Base.metadata.tables) >= {"runs", "cells", "phases", "metrics", "measurements", "kernels", "guests"}
