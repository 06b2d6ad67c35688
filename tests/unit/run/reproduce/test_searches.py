# SPDX-License-Identifier: GPL-2.0-only
"""What was found of bugs, held against what their files expect: grades.json, and the exit code."""

import json

import pytest
from made_bugs import GAP, GONE, KEEPS, ROOT, attempt, bug, number_of

from testbed.errors import BuildError, HostError, SourceUnavailable, SpecError
from testbed.run.conduct import EXIT_BAD, EXIT_HARNESS, EXIT_INTERRUPTED, EXIT_OK
from testbed.run.reproduce.reproduce import reproduce, reproduce_exit, searches
from testbed.run.reproduce.trials import How, open_run

VANILLA, OURS = "vanilla-6.12", "ptreclaim-6.12"
BOTH = {"vanilla_6.12": KEEPS, "ptreclaim_6.12": GONE}


def look(tmp_path, *bugs, stop=True, told=lambda row: None, **more):
    """Give what was found, and the objects of grades.json."""
    wanted = [search for each in bugs for search in searches(ROOT, each.name, each, **more)]
    with open_run(ROOT, bugs, tmp_path / "runs", How(jobs=1)) as run:
        done = reproduce(run, wanted, stop, told)
    path = run.folder.path / "grades.json"
    return done, json.loads(path.read_text()) if path.is_file() else []


def on(kernels: dict[str, bool | None]):
    """Attempts that show the bug on some kernels."""
    return lambda name: kernels[name.partition("/")[0]]


def test_kernel_that_has_the_bug_and_one_that_has_not_are_as_expected(fake, tmp_path):
    fake.answer = on({VANILLA: True, OURS: False})
    done, (has_it, has_not) = look(tmp_path, bug(**BOTH))
    assert reproduce_exit(done) == EXIT_OK
    assert (has_it["kernel"], has_it["shown"], has_it["runs"], has_it["word"]) == (VANILLA, 6, 6, "reliable")
    assert has_it["interval"] == [0.5407, 1.0]
    assert (has_it["expected"], has_it["as_expected"]) == ("reproduced", True)
    assert has_it["sign"] == "after.left_over.pte 256 > 100"
    assert has_it["cells"] == [f"{VANILLA}/minimal/bugs/leak#{number}" for number in range(1, 7)]
    assert (has_not["shown"], has_not["runs"], has_not["word"]) == (0, 10, "never seen")
    assert (has_not["expected"], has_not["as_expected"]) == ("gone", True)
    assert has_not["excluded_above"] == 0.2589
    assert (has_not["held_against"], has_not["quiet_runs"], has_not["sure"]) == (VANILLA, 2, True)


def test_gone_is_not_sure_where_the_bug_is_as_quiet_by_chance(fake, tmp_path):
    fake.answer = lambda name: name.startswith(VANILLA) and number_of(name) in (3, 7)
    done, (has_it, has_not) = look(tmp_path, bug(**BOTH))
    assert (has_it["shown"], has_it["runs"], has_it["word"]) == (2, 10, "sometimes")
    assert (has_not["quiet_runs"], has_not["sure"], has_not["as_expected"]) == (22, False, True)
    assert reproduce_exit(done) == EXIT_OK


def test_gone_is_not_sure_where_nothing_shows_that_it_can_be_seen(fake, tmp_path):
    fake.answer = on({OURS: False})
    _, (row,) = look(tmp_path, bug(**BOTH), kernels=[OURS])
    assert (row["held_against"], row["quiet_runs"], row["sure"]) == (None, None, False)


def test_kernel_without_the_bug_that_is_looked_at_first_is_held_against_the_later_one(fake, tmp_path):
    fake.answer = on({VANILLA: True, OURS: False})
    _, rows = look(tmp_path, bug(**BOTH), kernels=[OURS, VANILLA])
    assert [row["sure"] for row in rows] == [True, None]


@pytest.mark.parametrize(
    ("outcome", "shows", "code"),
    [
        (KEEPS, True, EXIT_OK),
        (KEEPS, False, EXIT_BAD),
        (GONE, False, EXIT_OK),
        (GONE, True, EXIT_BAD),
        (GAP, True, EXIT_OK),
        (GAP, False, EXIT_BAD),
        (KEEPS, None, EXIT_HARNESS),
        (GONE, None, EXIT_HARNESS),
    ],
)
def test_exit_code_is_what_the_file_expects(fake, tmp_path, outcome, shows, code):
    fake.answer = lambda name: shows
    done, (row,) = look(tmp_path, bug(**{"vanilla_6.12": outcome}))
    assert reproduce_exit(done) == code
    assert row["as_expected"] is {EXIT_OK: True, EXIT_BAD: False, EXIT_HARNESS: None}[code]
    assert row["gap"] == (outcome.gap or None)


def test_another_crash_is_not_the_bug(fake, tmp_path):
    fake.answer = lambda name: attempt(name, False, "another crash: oops: BUG in pte_free", verdict="crash")
    done, (row,) = look(tmp_path, bug(**{"vanilla_6.12": KEEPS}))
    assert (row["shown"], row["sign"]) == (0, "another crash: oops: BUG in pte_free")
    assert reproduce_exit(done) == EXIT_BAD


def test_kernel_of_which_nothing_is_expected_decides_nothing(fake, tmp_path):
    done, (row,) = look(tmp_path, bug(**{"vanilla_6.12": KEEPS}), kernels=["pte_ref-6.12"])
    assert (row["expected"], row["as_expected"], row["word"]) == (None, None, "reliable")
    assert reproduce_exit(done) == EXIT_OK


def test_flavour_is_expected_to_do_as_its_pattern_says(fake, tmp_path):
    fake.answer = lambda name: False
    _, (row,) = look(tmp_path, bug(**{"vanilla_6.12": KEEPS, "ptreclaim_*": GONE}), kernels=[f"{OURS}+debug"])
    assert (row["expected"], row["as_expected"]) == ("gone", True)


def test_kernel_without_a_source_is_skipped_unless_there_is_no_other(fake, tmp_path):
    fake.unbuildable[OURS] = SourceUnavailable("no network")
    done, rows = look(tmp_path, bug(**BOTH))
    assert [row["skipped"] for row in rows] == [False, True]
    assert rows[1]["unusable"] == "no network"
    assert reproduce_exit(done) == EXIT_OK
    done, _ = look(tmp_path, bug(**BOTH), kernels=[OURS])
    assert reproduce_exit(done) == EXIT_HARNESS


def test_kernel_that_does_not_build_could_not_be_judged(fake, tmp_path):
    fake.unbuildable[OURS] = BuildError("patch 2 does not apply")
    done, rows = look(tmp_path, bug(**BOTH))
    assert (rows[1]["unusable"], rows[1]["skipped"], rows[1]["as_expected"]) == ("patch 2 does not apply", False, None)
    assert reproduce_exit(done) == EXIT_HARNESS


def test_all_attempts_are_made_without_the_stop(fake, tmp_path):
    _, (row,) = look(tmp_path, bug(**{"vanilla_6.12": KEEPS}), stop=False, attempts=12)
    assert (row["shown"], row["runs"]) == (12, 12)


def test_interrupt_grades_what_has_finished_and_names_what_was_left(fake, tmp_path):
    def answer(name: str) -> bool:
        if name.startswith(OURS) and number_of(name) == 3:
            raise KeyboardInterrupt  # what a signal does in the main thread, a worker hands on
        return name.startswith(VANILLA)

    fake.answer = answer
    second = bug(name="bugs/second", **BOTH)
    done, rows = look(tmp_path, bug(**BOTH), second)
    assert [(row["kernel"], row["runs"]) for row in rows] == [(VANILLA, 6), (OURS, 2)]
    assert [each.bug.name for each in done.left] == ["bugs/second", "bugs/second"]
    assert (done.interrupted, reproduce_exit(done)) == (True, EXIT_INTERRUPTED)


def test_interrupt_before_the_first_attempt_leaves_that_kernel(fake, tmp_path):
    fake.unbuildable[OURS] = KeyboardInterrupt()
    done, rows = look(tmp_path, bug(**BOTH))
    assert [row["kernel"] for row in rows] == [VANILLA]
    assert [each.subject.kernel.name for each in done.left] == [OURS]


def test_interrupt_while_a_row_is_told_counts_it_once(fake, tmp_path):
    def told(row) -> None:
        raise KeyboardInterrupt

    done, rows = look(tmp_path, bug(**BOTH), told=told)
    assert (len(rows), len(done.left), done.interrupted) == (1, 1, True)


def test_host_that_fails_ends_it_with_what_was_found(fake, tmp_path):
    fake.unbuildable[OURS] = HostError("disk: full")
    done, rows = look(tmp_path, bug(**BOTH))
    assert ([row["kernel"] for row in rows], done.broken, len(done.left)) == ([VANILLA], "disk: full", 1)
    assert reproduce_exit(done) == EXIT_HARNESS


def test_memory_and_picture_that_were_kept_are_named(fake, tmp_path):
    core = {"file": "vmcore.zst", "bytes": 1, "plain_bytes": 2, "seconds": 0.1}

    def answer(name: str):
        first = number_of(name) == 1
        if first:
            (fake.jobs[-1].folder / "culprit.svg").write_text("<svg/>")
        return attempt(name, True, verdict="crash", vmcore=core if first else None)

    fake.answer = answer
    _, (row,) = look(tmp_path, bug(**{"vanilla_6.12": KEEPS}))
    assert row["vmcore"].endswith("/cells/vanilla-6.12~minimal~bugs~leak#1/vmcore.zst")
    assert row["picture"].endswith("/cells/vanilla-6.12~minimal~bugs~leak#1/culprit.svg")


def test_command_to_have_it_again_is_whole(tmp_path):
    (search,) = searches(ROOT, "my bug.yaml", bug(**{"vanilla_6.12": KEEPS}), attempts=4, overrides={"span": "1GiB"})
    assert search.again == "./tb reproduce 'my bug.yaml' --kernel vanilla-6.12 -n 4 --set span=1GiB"
    assert search.subject.scenario.params["span"] == 1 << 30


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"kernels": ["nosuch"]}, "nosuch"),
        ({"kernels": [VANILLA, VANILLA]}, "named twice"),
        ({"overrides": {"spam": "1"}}, "spam"),
    ],
)
def test_what_there_is_not_is_refused_before_anything_starts(more, problem):
    with pytest.raises(SpecError, match=problem):
        searches(ROOT, "x", bug(**BOTH), **more)
