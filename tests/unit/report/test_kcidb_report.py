# SPDX-License-Identifier: GPL-2.0-only
import json
from collections import Counter

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kcidb_io.schema import LATEST
from run_records import COSTS, CRASH, FLAKE, HOST, PATCHES, VERDICTS, bench, cell, run_of, suite_test

from testbed.errors import SpecError
from testbed.report.kcidb import kcidb_json, kcidb_report

KINDS = ("checkouts", "builds", "tests", "issues", "incidents")


def report(*records, run=None, **more) -> dict:
    """Give the report, which is valid by the schema, tells of nothing twice and points nowhere outside itself."""
    text = kcidb_json(run or run_of(*records), records, **more)
    found = json.loads(text)
    assert LATEST.is_valid_exactly(found)
    jsonschema.validate(found, LATEST.json, format_checker=jsonschema.FormatChecker())
    for kind in KINDS:
        assert all(count == 1 for count in Counter(each["id"] for each in found[kind]).values())
    ids = {kind: {each["id"] for each in found[kind]} for kind in KINDS}
    assert {build["checkout_id"] for build in found["builds"]} <= ids["checkouts"]
    assert {test["build_id"] for test in found["tests"]} <= ids["builds"]
    assert {incident["test_id"] for incident in found["incidents"]} <= ids["tests"]
    assert {incident["issue_id"] for incident in found["incidents"]} == ids["issues"]
    return found


def only_test(*records, **more) -> dict:
    (test,) = report(*records, **more)["tests"]
    return test


def test_version_is_the_latest_that_kernelcis_own_package_knows():
    assert report(cell())["version"] == {"major": LATEST.major, "minor": LATEST.minor}


@pytest.mark.parametrize("verdict", VERDICTS)
def test_each_verdict_has_a_status(verdict):
    statuses = {"pass": "PASS", "done": "DONE", "skip": "SKIP", "error": "ERROR"}
    assert only_test(cell(verdict=verdict))["status"] == statuses.get(verdict, "FAIL")


def test_test_says_what_it_is_where_it_ran_and_on_which_accelerator_for_which_reason():
    test = only_test(cell("ptreclaim-6.12", "benign/emptied:way=swap-free,x=1.5", number=2))
    assert test["path"] == "pgtable_reclaim.benign.emptied.way_swap-free_x_1_5"
    assert test["id"] == "testbed:20261124T134417Z/ptreclaim-6.12/minimal/benign/emptied:way=swap-free,x=1.5#2"
    assert test["environment"]["comment"] == "guest minimal on QEMU with tcg (kvm: /dev/kvm is not there)"
    assert test["environment"]["misc"]["host"] == HOST
    assert test["misc"]["attempt"] == 2


def test_number_is_what_was_left_over_at_the_end_in_bytes():
    assert only_test(cell())["number"] == {"value": 48 << 10, "unit": "B", "prefix": "binary"}
    pressed = {"pressed": {"vmpte_kb": 44, "needed_kb": 44, "left_over_kb": 0}}
    assert only_test(cell(phases={**cell()["phases"], **pressed}))["number"]["value"] == 0


def test_cell_that_did_not_run_has_no_number():
    assert "number" not in only_test(cell(verdict="skip"))
    assert "number" not in only_test(cell(verdict="crash", phases={}))


def test_kernels_of_one_source_are_checkouts_by_their_patches():
    first, second = report(cell(), cell("ptreclaim-6.12"), cell(label="benign/y"))["checkouts"]
    assert (first["id"], first["patchset_hash"]) == ("testbed:6.12.117-1~deb12u1", "")
    assert (second["id"], second["patchset_hash"]) == (f"testbed:6.12.117-1~deb12u1+{PATCHES}", PATCHES)
    assert "git_commit_hash" not in first


@pytest.mark.parametrize(
    ("version", "told"),
    [
        ("git:" + "0f" * 20, {"git_commit_hash": "0f" * 20}),
        ("git:0f0f0f0f0f0f", {"git_commit_name": "0f0f0f0f0f0f"}),
        ("sha256:0f0f0f0f0f0f", {}),
        ("tree:0f0f0f0f0f0f", {}),
    ],
)
def test_source_that_is_a_commit_is_named_as_one(version, told):
    record = cell()
    record["kernel"] = {**record["kernel"], "source_version": version}
    (checkout,) = report(record)["checkouts"]
    assert {key: value for key, value in checkout.items() if key.startswith("git_")} == told


def test_build_is_the_same_in_every_run_that_had_the_kernel():
    again = {**run_of(cell()), "run": "20261125T000000Z"}
    (first,), (second,) = (report(cell(), run=run)["builds"] for run in (run_of(cell()), again))
    assert first == second
    assert (first["compiler"], first["config_name"]) == ("gcc (Debian 12.2.0-14) 12.2.0", "vanilla-6.12")
    assert first["misc"] == {"key": "e4" * 32, "config_hash": "a9" * 32, "build_id": "e7" * 20, "release": "6.12.117"}


def test_kernel_whose_source_could_not_be_had_is_missed_not_forgotten():
    record = cell("mainline-7.3", verdict="skip", phases={}, reason="no network")
    found = report(record, run=run_of(record, unavailable={"mainline-7.3": "no network"}))
    assert [found[kind][0].get("status") for kind in ("builds", "tests")] == ["MISS", "MISS"]
    assert (found["checkouts"][0]["valid"], found["checkouts"][0]["comment"]) == (False, "no network")


def test_crash_is_an_incident_of_an_issue_that_its_fingerprint_names():
    records = [cell(label=f"benign/{name}", verdict="crash", crash=CRASH) for name in "xy"]
    found = report(*records)
    (issue,) = found["issues"]
    assert issue["id"] == "testbed:crash/" + CRASH["fingerprint"]
    assert issue["report_subject"] == "oops: BUG: kernel NULL pointer dereference"
    assert issue["culprit"] == {"code": True, "tool": False, "harness": False}
    assert [incident["present"] for incident in found["incidents"]] == [True, True]


def test_known_gap_is_a_failure_with_an_incident_that_says_it_is_known():
    found = report(cell("ptreclaim-6.12", verdict="gap", reason="PMD tables stay (after.left_over.pmd 9)"))
    assert found["tests"][0]["status"] == "FAIL"
    assert found["issues"][0]["id"] == "testbed:gap/ptreclaim-6.12/benign/x"
    assert found["incidents"][0]["comment"] == "PMD tables stay (after.left_over.pmd 9)"


def test_known_gap_whose_figures_differ_is_the_same_issue():
    issues = [report(cell(verdict="gap", reason=f"stay ({left})"))["issues"] for left in (8, 9)]
    assert issues[0] == issues[1]


def test_flake_is_a_failure_that_says_how_it_ended_first():
    test = only_test(cell(verdict="flake", first=FLAKE))
    assert (test["status"], test["misc"]["first"]) == ("FAIL", FLAKE)
    assert test["comment"].startswith("first crash: oops: BUG in pte_free; run again: ")


def test_each_operation_of_a_bench_is_a_test_in_instructions():
    whole, *costs = report(bench())["tests"]
    assert (whole["path"], whole["status"]) == ("pgtable_reclaim.bench.overhead", "FAIL")
    assert [(test["path"].rpartition(".")[2], test["status"]) for test in costs] == [
        ("fault", "PASS"),
        ("fork-exit", "FAIL"),
        ("stream", "DONE"),
    ]
    assert [test["number"] for test in costs] == [
        {"value": cost["instructions"], "unit": "instructions"} for cost in COSTS.values()
    ]
    assert costs[0]["misc"]["budget"] == 0.005


def test_failure_that_the_baseline_has_too_says_so():
    tests = report(*(suite_test(kernel, "a", "fail") for kernel in ("vanilla-6.12", "ptreclaim-6.12")))["tests"]
    assert [(test["status"], test["misc"]["as_on_baseline"]) for test in tests] == [("FAIL", True)] * 2


def test_excerpt_is_the_end_of_what_was_said_in_whole_lines():
    lines = [f"  console: ünï {number} " + "x" * 90 for number in range(1000)]
    excerpt = only_test(cell(verdict="crash"), evidence=lambda _: lines)["log_excerpt"]
    assert 16000 < len(excerpt.encode()) <= 16384
    assert excerpt.split("\n")[-1] == lines[-1]
    assert excerpt.split("\n")[0] in lines


def test_cell_that_passed_has_no_excerpt():
    assert "log_excerpt" not in only_test(cell(), evidence=lambda _: ["console: fine"])


def test_record_of_a_version_that_knew_no_hosts_is_valid():
    old = cell()
    for later in ("host", "first", "costs"):
        del old[later]
    run = {key: value for key, value in run_of(old).items() if key != "unavailable"}
    assert only_test(old, run=run)["environment"]["misc"]["host"] == HOST


def test_run_without_any_record_is_valid():
    assert all(report()[kind] == [] for kind in KINDS)


@pytest.mark.parametrize("origin", ["", "My CI", "a:b", "a\n"])
def test_origin_that_the_schema_has_no_place_for_is_refused(origin):
    with pytest.raises(SpecError, match="--origin"):
        kcidb_report(run_of(), [], origin=origin)


def test_every_id_begins_with_the_origin():
    found = report(cell(verdict="crash", crash=CRASH), origin="lab_3")
    assert all(each["id"].startswith("lab_3:") and each["origin"] == "lab_3" for kind in KINDS for each in found[kind])


@settings(deadline=None, max_examples=50)
@given(text=st.text(max_size=30), verdict=st.sampled_from(VERDICTS))
def test_any_text_makes_a_valid_report(text, verdict):
    odd = cell(label=f"benign/{text}", verdict=verdict, reason=text, first={"verdict": "fail", "reason": text})
    odd |= {"subtests": {text: "ok"}, "crash": {**CRASH, "title": text} if verdict == "crash" else None}
    report(odd, evidence=lambda _: [text, "\0\ud800"])
