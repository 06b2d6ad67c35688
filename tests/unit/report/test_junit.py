# SPDX-License-Identifier: GPL-2.0-only
from xml.etree import ElementTree

from test_table import record

from testbed.report.junit import junit_xml

RUN = {"run": "20261122T000000Z", "argv": ["tb", "run"], "tool": "0.1.0", "host": {"qemu": "7.2"}}


def parsed(*records):
    return ElementTree.fromstring(junit_xml(RUN, records))


def test_each_verdict_lands_where_a_ci_server_looks_for_it():
    verdicts = ["pass", "done", "gap", "skip", "fail", "crash", "hang", "error"]
    cases = parsed(*(record("vanilla-6.12", verdict, 96) for verdict in verdicts)).iter("testcase")
    found = [[child.tag for child in case if child.tag != "system-out"] for case in cases]
    assert found == [[], [], ["skipped"], ["skipped"], ["failure"], ["failure"], ["failure"], ["error"]]


def test_kernel_accelerator_with_reason_and_argv_are_properties():
    suite = parsed(record("vanilla-6.12", "pass", 96)).find("testsuite")
    properties = {item.get("name"): item.get("value") for item in suite.iter("property")}
    assert properties["kernel.name"] == "vanilla-6.12"
    assert properties["accel.reason"] == "kvm: /dev/kvm is not there"
    assert properties["argv"] == "tb run"


def test_reason_with_markup_characters_stays_readable():
    odd = {**record("vanilla-6.12", "fail", 96), "reason": 'after.x 3 is not <= 2 & "more"'}
    assert next(parsed(odd).iter("failure")).get("message") == odd["reason"]


def test_counts_are_right():
    suite = parsed(*(record("k", verdict, 1) for verdict in ("pass", "fail", "error", "gap"))).find("testsuite")
    assert [suite.get(key) for key in ("tests", "failures", "errors", "skipped")] == ["4", "1", "1", "1"]
