# SPDX-License-Identifier: GPL-2.0-only
from xml.etree import ElementTree

import pytest
from junit_schema import check_schema
from run_records import FLAKE, bench, cell, run_of
from test_table import record

from testbed.report.junit import junit_xml

RUN = {
    "run": "20261122T000000Z",
    "argv": ["tb", "run", "--set", "a b=1"],
    "tool": "0.1.0",
    "host": {"qemu": "7.2"},
    "kernels": {"vanilla-6.12": {"key": "abc"}},
    "guests": {"minimal": {"key": "def"}},
    "resumed": [{"at": "2026-11-22T01:00:00+00:00", "argv": ["tb", "run", "--resume", "x"]}],
}
VERDICTS = ["pass", "done", "gap", "skip", "fail", "crash", "hang", "flake", "error"]


def parsed(*records, evidence=lambda _: ()):
    return ElementTree.fromstring(junit_xml(RUN, records, evidence))


def test_each_verdict_lands_where_a_ci_server_looks_for_it():
    cases = parsed(*(record("vanilla-6.12", verdict, 96) for verdict in VERDICTS)).iter("testcase")
    found = [[child.tag for child in case] for case in cases]
    assert found == [[], [], ["skipped"], ["skipped"], ["failure"], ["failure"], ["failure"], ["failure"], ["error"]]


@pytest.mark.parametrize("verdict", VERDICTS)
def test_each_verdict_is_valid_by_the_schema(verdict):
    check_schema(junit_xml(RUN, [record("vanilla-6.12", verdict, 96)], lambda _: ["--- cell", "  console: Oops"]))


def test_run_without_any_record_is_valid_by_the_schema():
    check_schema(junit_xml(RUN, []))


def test_all_that_a_result_was_got_with_is_a_property():
    suite = parsed(record("vanilla-6.12", "pass", 96)).find("testsuite")
    properties = {item.get("name"): item.get("value") for item in suite.iter("property")}
    assert properties == {
        "run": "20261122T000000Z",
        "argv": "tb run --set 'a b=1'",
        "resumed.1": "2026-11-22T01:00:00+00:00 tb run --resume x",
        "tool": "0.1.0",
        "kernel.name": "vanilla-6.12",
        "kernel.release": "6.12.1",
        "kernel.key": "abc",
        "kernel.patchset_hash": "",
        "kernel.config_hash": "c0ffee",
        "guest.name": "minimal",
        "guest.vcpus": "1",
        "guest.memory_mib": "1024",
        "guest.levels": "4",
        "guest.key": "def",
        "accel.kind": "tcg",
        "accel.reason": "kvm: /dev/kvm is not there",
        "host.qemu": "7.2",
    }


def test_guests_of_another_size_are_a_suite_of_their_own():
    first = record("vanilla-6.12", "pass", 96)
    second = {**first, "guest": {**first["guest"], "memory_mib": 4096}}
    assert len(parsed(first, second, first).findall("testsuite")) == 2


def test_evidence_is_the_text_of_a_failure():
    lines = ["--- cell", "  console: Oops: 0002", "  by hand: qemu-system-x86_64 -m 1024M"]
    failure = next(parsed(record("k", "crash", 1), evidence=lambda _: lines).iter("failure"))
    assert (failure.text, failure.get("type")) == ("\n".join(lines), "crash")


def test_any_character_of_a_console_makes_valid_xml():
    every = "".join(map(chr, range(0x250))) + "\ud800\ufffe\uffff\U0001f600"
    odd = {**record("vanilla-6.12", "crash", 96), "reason": f"reason {every}"}
    text = junit_xml(RUN, [odd], lambda _: [f"console: {every}"])
    check_schema(text)
    failure = next(ElementTree.fromstring(text).iter("failure"))
    for told in (failure.text, failure.get("message")):
        assert all(shown in told for shown in (r"\x1b", r"\x00", r"\x0b", r"\ud800", r"\ufffe", "\U0001f600", "é"))


def test_reason_with_markup_characters_stays_readable():
    odd = {**record("vanilla-6.12", "fail", 96), "reason": 'after.x 3 is not <= 2 & "more"'}
    assert next(parsed(odd).iter("failure")).get("message") == odd["reason"]


def test_counts_are_right():
    suite = parsed(*(record("k", verdict, 1) for verdict in ("pass", "fail", "error", "gap"))).find("testsuite")
    assert [suite.get(key) for key in ("tests", "failures", "errors", "skipped")] == ["4", "1", "1", "1"]


def test_flake_is_a_failure_whose_message_begins_with_how_it_ended_first():
    failure = next(parsed(cell(verdict="flake", first=FLAKE, reason="after.x 0")).iter("failure"))
    assert failure.get("message") == "first crash: oops: BUG in pte_free; run again: after.x 0"
    assert failure.get("type") == "flake"


def test_cells_that_ran_on_unlike_hosts_are_suites_of_their_own_that_name_them():
    here = cell()
    there = {**here, "host": {**here["host"], "id": "ffffffffffff", "name": "lab-4"}}
    text = junit_xml(run_of(here), [here, there, here])
    check_schema(text)
    suites = ElementTree.fromstring(text).findall("testsuite")
    assert [suite.get("hostname") for suite in suites] == ["lab-3", "lab-4"]
    ids = [item.get("value") for suite in suites for item in suite.iter("property") if item.get("name") == "host.id"]
    assert ids == ["a1b2c3d4e5f6", "ffffffffffff"]


def test_costs_of_a_bench_are_told_in_the_output_of_its_suite():
    text = junit_xml(run_of(bench()), [bench()])
    check_schema(text)
    output = next(ElementTree.fromstring(text).iter("system-out")).text
    assert "bench/overhead#1: fault: 6,259.3 instructions, +0.30 %, +0.5 % is allowed" in output
