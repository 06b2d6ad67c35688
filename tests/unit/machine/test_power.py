# SPDX-License-Identifier: GPL-2.0-only
"""Power switches: commands of a lab's own are tried in test_serialmachine.py; here what fails early, and labgrid's."""

import importlib.util
import sys
from pathlib import Path

import pytest
from serial_bench import machine_file

from testbed.errors import HostError, LaunchFailed
from testbed.machine import power
from testbed.machine.power import make_switch
from testbed.spec import MachineSpec, load_machine

LABGRID = importlib.util.find_spec("labgrid") is not None
needs_labgrid = pytest.mark.skipif(not LABGRID, reason="labgrid is not installed (pip install 'testbed[machines]')")

ENVIRONMENT = """\
targets:
  main:
    drivers:
      ExternalPowerDriver:
        cmd_on: {folder}/switch on
        cmd_off: {folder}/switch off
  bare:
    resources:
      RawSerialPort:
        port: /dev/ttyUSB0
"""


def described(folder: Path, **changes: str) -> MachineSpec:
    return load_machine(folder, str(machine_file(folder, "/dev/ttyUSB0", **changes)))


def labgrid(folder: Path, target: str = "main") -> MachineSpec:
    (folder / "lab.yaml").write_text(ENVIRONMENT.format(folder=folder))
    return described(folder, power=f"{{labgrid: {{environment: lab.yaml, target: {target}}}}}")


def test_command_that_does_not_end_is_not_waited_for_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(power, "COMMAND_S", 0.2)
    switch = make_switch(described(tmp_path, power="{on: [sleep, '60'], off: ['true']}"))
    switch.off()
    with pytest.raises(LaunchFailed, match=r"machine lab7: power on: not done in 0 s; try it by hand: sleep 60"):
        switch.on()


def test_switch_that_can_only_cycle_leaves_the_machine_on(tmp_path):
    switch = make_switch(described(tmp_path, power="{cycle: [./switch, cycle]}"))
    switch.off()
    assert not (tmp_path / "power.log").exists()
    switch.on()
    assert (tmp_path / "power.log").read_text() == "cycle\n"


def test_labgrid_that_is_not_installed_is_told_with_the_line_that_installs_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "labgrid", None)
    with pytest.raises(HostError, match=r"labgrid is not installed; pip install 'testbed\[machines\]'"):
        make_switch(labgrid(tmp_path))


@needs_labgrid
def test_labgrids_driver_switches(tmp_path, monkeypatch):
    spec = labgrid(tmp_path)
    monkeypatch.chdir(tmp_path)
    switch = make_switch(spec)
    switch.off()
    switch.on()
    assert (tmp_path / "power.log").read_text() == "off\non\n"


@needs_labgrid
def test_labgrids_driver_that_fails_is_told(tmp_path, monkeypatch):
    spec = labgrid(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken-on").touch()
    with pytest.raises(
        LaunchFailed, match=r"machine lab7: labgrid's power of target main: CalledProcessError: .*switch"
    ):
        make_switch(spec).on()


@needs_labgrid
@pytest.mark.parametrize(
    ("target", "message"), [("bare", "NoDriverFoundError"), ("other", r"KeyError|LookupError: .*no target other")]
)
def test_target_without_a_power_driver_is_told_before_anything_starts(tmp_path, target, message):
    with pytest.raises(HostError, match=f"labgrid's power of target {target}: .*{message}"):
        make_switch(labgrid(tmp_path, target))
