# SPDX-License-Identifier: GPL-2.0-only
"""Worker processes that die, leave, refuse and are killed, with cells that boot nothing."""

import contextlib
import os
import re
import signal
import threading
import time
from collections import Counter
from contextlib import ExitStack

import pytest
from fakes import CELLS_AT_ONCE, Run, hosts, quiet

from testbed.errors import HostError, SpecError
from testbed.run.cluster import connect, executor, presence
from testbed.run.cluster.delivery import Deliveries
from testbed.run.cluster.executor import Cluster, cluster

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("TESTBED_CACHE", str(tmp_path / "ours"))
    with ExitStack() as stack:
        yield hosts(tmp_path, stack)


def fetched(place, cache: str) -> int:
    return len(list((place.tmp / cache / "fetched").iterdir()))


def test_sixty_cells_and_a_worker_killed_in_the_middle_are_sixty_results(place, tmp_path):
    run = Run(tmp_path, repeat=30)
    workers = [place.start(cache) for cache in ("a", "b", "c")]
    killed = threading.Event()

    def kill_one(result) -> None:
        run.told.append(result)
        if len(run.told) == 20:
            os.kill(workers[1].pid, signal.SIGKILL)
            killed.set()

    dispatch = run.on(place.client, finished=kill_one)
    assert killed.is_set()
    assert Counter(run.verdicts().values()) == {"pass": 60}
    assert len(run.told) == 60
    ran = Counter(place.ran())
    assert set(ran) == {cell.name for cell in run.cells}
    assert sum(ran.values()) <= 60 + CELLS_AT_ONCE
    by_worker = Counter(result.reason for result in run.told)
    assert all(by_worker[str(worker.pid)] for worker in workers)
    # a kernel, another and the guest went to each host once, though two cells at once were after them
    assert dispatch._deliveries.sent == 9
    assert [fetched(place, cache) for cache in "abc"] == [3, 3, 3]


def test_files_of_a_cell_come_back_before_its_record_and_are_of_that_cell(place, tmp_path):
    run = Run(tmp_path, repeat=2)
    place.start()
    seen = []

    def look(result) -> None:
        seen.append((run.folder.cell(result.cell) / "console.log").read_text())

    run.on(place.client, finished=look)
    assert sorted(seen) == sorted(f"this is {cell.name}\n" for cell in run.cells)
    for cell in run.cells:
        folder = run.folder.cell(cell.name)
        assert sorted(path.name for path in folder.iterdir()) == ["console.log", "empty", "first"]
        assert str(tmp_path / "built" / cell.kernel.name / "bzImage") in (folder / "first/by-hand.txt").read_text()
    assert {path.name[0] for path in (run.folder.path / "cells").iterdir()} == {"v", "p"}


def test_every_cell_is_noted_as_attempted_before_a_worker_gets_it(place, tmp_path):
    run = Run(tmp_path, repeat=2)
    place.start()
    ahead = []

    def look(result) -> None:
        noted = (run.folder.path / ".attempted").read_text().splitlines()
        ahead.append(set(place.ran()) <= set(noted))

    run.on(place.client, finished=look)
    assert ahead == [True] * 4
    noted = (run.folder.path / ".attempted").read_text().splitlines()
    assert sorted(noted) == sorted(cell.name for cell in run.cells)


def test_workers_that_share_a_cache_are_sent_a_kernel_once(place, tmp_path):
    run = Run(tmp_path, repeat=4)
    for _ in range(3):
        place.start("shared")
    assert run.on(place.client)._deliveries.sent == 3
    assert fetched(place, "shared") == 3


def test_nothing_is_sent_to_a_cache_that_has_it_already(place, tmp_path):
    place.start("a")
    Run(tmp_path, repeat=1).on(place.client)
    again = tmp_path / "again"
    again.mkdir()
    assert Run(again, repeat=1).on(place.client)._deliveries.sent == 0


def test_no_more_cells_run_at_once_than_jobs_says(place, tmp_path):
    run = Run(tmp_path, repeat=4)
    place.start(cores=4)
    began = time.monotonic()
    run.on(place.client, at_once=1)
    assert time.monotonic() - began > len(run.cells) * 0.15
    assert len(run.verdicts()) == 8


def test_cell_that_kills_its_workers_is_an_error_and_takes_no_other_with_it(place, tmp_path):
    run = Run(tmp_path, repeat=3)
    killer = run.cells[1].name
    for _ in range(4):
        place.start(fake=f"kills {killer}")
    run.on(place.client)
    verdicts = run.verdicts()
    assert verdicts.pop(killer) == "error"
    assert set(verdicts.values()) == {"pass"}
    assert place.ran().count(killer) == 3
    (record,) = (record for record in run.folder.records() if record["cell"] == killer)
    assert record["reason"].startswith("3 workers ended while they ran it")


def test_cell_whose_harness_breaks_is_an_error_at_once_and_its_worker_goes_on(place, tmp_path):
    run = Run(tmp_path, repeat=2)
    broken = run.cells[0].name
    place.start(fake=f"raises {broken}")
    run.on(place.client)
    assert Counter(run.verdicts().values()) == {"pass": 3, "error": 1}
    assert run.folder.records()[0]["reason"] == "the worker could not run it: ZeroDivisionError('of its own')"


def test_worker_with_a_full_disk_is_not_used_any_more(place, tmp_path):
    run = Run(tmp_path, repeat=5)
    sick = place.start("a", cores=1, fake="full")
    place.start("b", cores=1)
    run.on(place.client)
    assert set(run.verdicts().values()) == {"pass"}
    lines = place.log.read_text().splitlines()
    assert sum(line.startswith(f"{sick.pid} ") for line in lines) <= 1


def test_worker_that_is_told_to_end_hands_its_cells_back_and_they_are_not_held_against(place, tmp_path):
    run = Run(tmp_path, repeat=1)
    leaver = place.start("a", fake="slow")
    thread = threading.Thread(target=run.on, args=(place.client,))
    thread.start()
    wait_until(lambda: len(place.ran()) == 2)
    place.start("b")
    leaver.terminate()
    thread.join(60)
    assert set(run.verdicts().values()) == {"pass"}
    leaver.join(20)
    assert leaver.exitcode == 0
    assert sum(line.startswith("ended") for line in place.ran()) == 2


def test_interrupt_ends_the_guests_and_keeps_what_was_finished(place, tmp_path):
    run = Run(tmp_path, repeat=4)
    place.start("a", cores=1)
    place.start("b", cores=2, fake="slow")

    def interrupt(result) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.on(place.client, finished=interrupt)
    kept = len(run.verdicts())
    assert 1 <= kept < 8
    wait_until(lambda: any(line.startswith("ended") for line in place.ran()))
    time.sleep(0.5)
    assert len(run.verdicts()) == kept


def test_guests_end_when_their_orchestrator_goes_without_a_word(place, tmp_path):
    run = Run(tmp_path, repeat=1)
    place.start(fake="slow")

    def go() -> None:
        # what is thrown does not matter to anybody: the orchestrator is as good as dead
        with contextlib.suppress(Exception):
            run.on(place.client)

    thread = threading.Thread(target=go, daemon=True)
    thread.start()
    wait_until(lambda: len(place.ran()) == 2)
    place.client.close()
    wait_until(lambda: sum(line.startswith("ended") for line in place.ran()) == 2)
    thread.join(30)


def test_worker_that_comes_while_the_run_is_under_way_gets_its_share(place, tmp_path):
    run = Run(tmp_path, repeat=4)
    place.start("a", cores=1, fake="patient")
    thread = threading.Thread(target=run.on, args=(place.client,))
    thread.start()
    wait_until(place.ran)
    late = place.start("b", cores=2)
    wait_until(lambda: any(result.reason == str(late.pid) for result in run.told))
    (tmp_path / "company").touch()
    thread.join(30)
    assert len(run.verdicts()) == 8


def test_run_whose_last_worker_is_gone_does_not_wait_for_ever(place, tmp_path, monkeypatch):
    monkeypatch.setattr(presence, "NOBODY_S", 1.0)
    run = Run(tmp_path, repeat=2)
    worker = place.start(fake="slow")
    failure = []

    def go() -> None:
        with pytest.raises(HostError) as caught:
            run.on(place.client)
        failure.append(str(caught.value))

    thread = threading.Thread(target=go)
    thread.start()
    wait_until(place.ran)
    os.kill(worker.pid, signal.SIGKILL)
    thread.join(30)
    (said,) = failure
    assert re.fullmatch(r"nobody is left to run \S+: no worker is there", said)


def test_scheduler_that_goes_ends_the_run_and_what_was_finished_is_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("TESTBED_CACHE", str(tmp_path / "ours"))
    monkeypatch.setattr(presence, "NOBODY_S", 1.0)
    run = Run(tmp_path, repeat=20)
    with ExitStack() as stack:
        place = hosts(tmp_path, stack)
        worker = place.start()

        def close(result) -> None:
            run.told.append(result)
            if len(run.told) == 3:
                place.scheduler.close()

        with pytest.raises(HostError, match=r"nobody is left to run .*: no worker is there"):
            run.on(place.client, finished=close)
        worker.join(30)
        assert not worker.is_alive()
    assert 3 <= len(run.verdicts()) < 40


def test_kernel_is_sent_anew_when_the_host_that_got_it_first_dies(place, tmp_path, monkeypatch):
    run = Run(tmp_path, repeat=5)
    workers = {worker.pid: worker for worker in (place.start("a"), place.start("b"))}
    scatter, killed = Deliveries._scatter, []

    def scatter_and_kill(self, seat, digest) -> None:
        put = self._later

        def later(call) -> None:
            if not killed:
                killed.append(place.client.run(os.getpid, workers=[seat.address])[seat.address])
                os.kill(killed[0], signal.SIGKILL)
                workers[killed[0]].join()
            put(call)

        self._later = later
        scatter(self, seat, digest)

    monkeypatch.setattr(Deliveries, "_scatter", scatter_and_kill)
    run.on(place.client)
    assert len(killed) == 1
    assert Counter(run.verdicts().values()) == {"pass": 10}


def wait_until(condition, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


# --- before anything is started ---


def test_worker_of_another_testbed_is_a_clear_error(place, tmp_path):
    run = Run(tmp_path, repeat=1)
    place.start()
    place.start("b", source="0123456789abcdef")
    with pytest.raises(HostError, match=r"1 of 2 workers run another testbed than this .*0123456789abcdef, here: "):
        Cluster("tcp://x:1", place.client, quiet).accelerator(run.request, run.cells)
    run.on(place.client)  # one that comes later is not used
    assert set(run.verdicts().values()) == {"pass"}
    assert fetched(place, "cache") == 3
    assert not (tmp_path / "b" / "fetched").exists()


def test_cell_that_no_worker_can_ever_run_is_named_before_anything_is_built(place, tmp_path):
    run = Run(tmp_path, repeat=1)
    place.start(memory=1000)
    with pytest.raises(HostError, match=r"pte-flood#1 can run nowhere: 1536 MiB are needed, and the largest of 1"):
        Cluster("tcp://x:1", place.client, quiet).accelerator(run.request, run.cells)


def test_cluster_without_a_worker_says_how_to_start_one(place, tmp_path, monkeypatch):
    monkeypatch.setattr(executor, "FIRST_WORKER_S", 0.1)
    run = Run(tmp_path, repeat=1)
    with pytest.raises(HostError, match=r"no worker is there; start one on each host with: ./tb worker tcp://x:1"):
        Cluster("tcp://x:1", place.client, quiet).accelerator(run.request, run.cells)


def test_accelerator_of_a_run_tells_what_the_workers_proved(place, tmp_path):
    run = Run(tmp_path, repeat=1)
    place.start()
    accel = Cluster("tcp://x:1", place.client, quiet).accelerator(run.request, run.cells)
    assert (accel.kind, accel.reason) == ("tcg", "1 workers of tcp://x:1, 0 proved kvm; each record tells its own")


def test_scheduler_that_cannot_be_reached_is_one_line(monkeypatch):
    monkeypatch.setattr(connect, "REACH_S", 0.5)
    with (
        pytest.raises(HostError, match=r"^--cluster tcp://127.0.0.1:1: no scheduler answers there; .*$"),
        cluster("tcp://127.0.0.1:1", quiet),
    ):
        pass


def test_without_the_extra_the_line_that_mends_it_is_told(monkeypatch):
    monkeypatch.setattr(connect.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(HostError, match=r'pip install "testbed\[cluster\]"'), cluster("local:2", quiet):
        pass


@pytest.mark.parametrize("url", ["local:0", "local", "host:8786", "tcp://host", "http://host:1", ""])
def test_url_that_is_none_is_refused(url):
    with pytest.raises(SpecError, match="write tcp://HOST:PORT"), cluster(url, quiet):
        pass
