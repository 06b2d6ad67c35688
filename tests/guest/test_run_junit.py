# SPDX-License-Identifier: GPL-2.0-only
from xml.etree import ElementTree

from conftest import ROOT, tb
from junit_schema import check_schema


def test_real_run_with_a_failure_makes_valid_junit_xml_with_its_evidence(tmp_path, kernel, image, accel):
    wrong = tmp_path / "wrong.yaml"
    text = (ROOT / "scenarios/malicious/pte-flood.yaml").read_text()
    wrong.write_text("kind: malicious\n" + text.replace("after.left_over.pte <= 16", "after.vmpte_kb <= 1"))
    words = ["malicious/pte-flood", wrong, "--kernel", "vanilla-6.12", "--set", "span=64MiB"]
    done = tb("run", *words, "--out", tmp_path / "runs")
    assert done.code == 1, done.stderr
    (path,) = tmp_path.glob("runs/*/junit.xml")
    check_schema(path.read_text())
    (suite,) = ElementTree.parse(path).getroot()
    properties = {item.get("name"): item.get("value") for item in suite.iter("property")}
    assert properties["kernel.build_id"] == kernel.build_id
    assert properties["kernel.config_hash"] == kernel.config_hash
    assert properties["guest.key"] == image.key
    assert properties["accel.kind"] == accel.kind
    assert f"{accel.kind}: " in properties["accel.reason"]
    (failure,) = suite.iter("failure")
    assert failure.get("message").startswith("after.vmpte_kb ")
    assert "qemu-system-x86_64 -name testbed " in failure.text
    assert failure.text.count("  console: ") >= 1
