# SPDX-License-Identifier: GPL-2.0-only
"""Descriptions of physical machines: what they come to, and the one line about each way to write them wrong."""

import re
from pathlib import Path

import pytest
from spec_checkout import Checkout

from testbed.errors import SpecError
from testbed.spec import load_machine

FILE = "machines/lab7.yaml"
MACHINE = """\
console: {line: /dev/ttyUSB0, tty: ttyS0}
data: {line: "rack-console:4007", tty: ttyS1, baud: 921600}
boot:
  copy_to: /srv/tftp/lab7
  run: [./announce, "{kernel}", "--append={cmdline}"]
  deadline: 5min
  cmdline: [nosmt]
power:
  on: [pdu, "on", "4"]
  off: [pdu, "off", "4"]
  off_for: 10s
memory: 16GiB
cpus: 8
slow: 1.5
"""
POWER = MACHINE[MACHINE.index("power:") : MACHINE.index("memory:")]
DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "machines.md"


@pytest.fixture
def described(checkout: Checkout) -> Checkout:
    (checkout.root / "machines").mkdir()
    (checkout.root / FILE).write_text(MACHINE)
    return checkout


def test_machine_is_what_its_file_says(described: Checkout) -> None:
    spec = load_machine(described.root, "lab7")
    assert (spec.name, spec.memory_bytes, spec.cpus, spec.slow) == ("lab7", 16 << 30, 8, 1.5)
    assert (spec.console.line, spec.console.tty, spec.console.baud) == ("/dev/ttyUSB0", "ttyS0", 115200)
    assert spec.data and (spec.data.line, spec.data.baud) == ("rack-console:4007", 921600)
    assert (spec.boot.copy_to, spec.boot.deadline_s) == (Path("/srv/tftp/lab7"), 300.0)
    assert (spec.power.on, spec.power.off_s) == (("pdu", "on", "4"), 10.0)


def test_paths_are_relative_to_the_file_that_names_them(described: Checkout) -> None:
    described.change(FILE, "/srv/tftp/lab7", "netboot")
    described.change(FILE, POWER, "power: {labgrid: {environment: lab.yaml}}\n")
    folder = (described.root / "machines").resolve()
    for name in ("lab7", str(described.root / FILE)):
        spec = load_machine(described.root, name)
        assert (spec.name, spec.boot.copy_to) == ("lab7", folder / "netboot")
        assert spec.power.labgrid and spec.power.labgrid.environment == folder / "lab.yaml"


# fmt: off
CASES = [  # what stood there, what a person wrote, the line, how the message starts
    ("/dev/ttyUSB0", "ttyUSB0",
     1, "line: 'ttyUSB0' is no serial line; write a device like /dev/ttyUSB0, or HOST:PORT of a console server"),
    ("tty: ttyS0", "tty: /dev/ttyS0",
     1, "tty: '/dev/ttyS0' is no name of a line in the machine's own kernel; names are like ttyS0"),
    (", tty: ttyS0", "",
     1, "console: missing key 'tty': its name in the machine's kernel, like ttyS0"),
    ("baud: 921600", "baud: 300",
     2, "baud: must be 9600, 19200, 38400, 57600, 115200, 230400, 460800 or 921600, not the number 300"),
    ("{cmdline}", "{append}",
     5, "run: {append} means nothing here; write {kernel}, {initramfs}, {cmdline}"),
    ("5min", "5",
     6, "deadline: the number 5 is not a time; times are written as 30s (ms s min h)"),
    ("[nosmt]", '["nosmt iommu=off"]',
     7, "cmdline: 'nosmt iommu=off' is no kernel parameter; write one an item, like [iommu=off, nosmt]"),
    (MACHINE[MACHINE.index("  copy_to"):MACHINE.index("  deadline")], "",
     3, "boot: needs copy_to (a folder) or run (a command), or nothing of ours is booted"),
    ('  off: [pdu, "off", "4"]\n', "",
     8, "power: is either on and off, or cycle, or labgrid"),
    ("  off_for: 10s\n", "  cycle: [pdu, cycle]\n",
     8, "power: is either on and off, or cycle, or labgrid"),
    ('[pdu, "on", "4"]', "[pdu, on, 4]",
     9, "on: must be text, not the number 4; put it in quotes"),
    ("cpus: 8", "vcpus: 8",
     13, "unknown key 'vcpus'; did you mean 'cpus'?"),
    ("slow: 1.5", "slow: 0",
     14, "slow: must be at least 1"),
]
# fmt: on


@pytest.mark.parametrize(("old", "new", "line", "message"), CASES)
def test_bad_input_is_one_line_that_says_where_what_and_what_would_be_right(
    described: Checkout, old: str, new: str, line: int, message: str
) -> None:
    load_machine(described.root, "lab7")
    described.change(FILE, old, new)
    with pytest.raises(SpecError) as caught:
        load_machine(described.root, "lab7")
    assert str(caught.value).startswith(f"{FILE}:{line}: {message}")


def test_machine_that_nobody_described_is_told_with_those_that_somebody_did(described: Checkout) -> None:
    with pytest.raises(SpecError, match="unknown machine 'lab8'; did you mean 'lab7'"):
        load_machine(described.root, "lab8")


def test_checkout_without_machines_says_where_to_read_how(checkout: Checkout) -> None:
    with pytest.raises(SpecError, match=r"machine 'lab7': no machine is described below machines/; docs/machines\.md"):
        load_machine(checkout.root, "lab7")


def test_examples_of_the_document_can_be_used_as_they_stand(tmp_path: Path) -> None:
    examples = re.findall(r"```yaml\n# machines/(\w+)\.yaml\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert len(examples) >= 2
    for name, text in examples:
        (tmp_path / f"{name}.yaml").write_text(text)
        assert load_machine(tmp_path, str(tmp_path / f"{name}.yaml")).name == name
