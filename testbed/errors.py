# SPDX-License-Identifier: GPL-2.0-only
"""Every error that the testbed raises on purpose, and what the caller may conclude from it.

::

    TestbedError              something went wrong; the message is for a person
    ├── SpecError             what a person wrote is wrong: nothing was started (exit 2)
    ├── HostError             this host lacks what was asked for: nothing was started (exit 2)
    ├── BuildError            an artefact could not be made; the cache holds nothing half-made
    │   └── SourceUnavailable what it is made of can't be had here and now: nothing is wrong with what was to be built
    ├── MachineError          the guest or its QEMU is not usable any more: destroy it
    │   ├── LaunchFailed      QEMU or a machine did not come up, or the guest never said hello
    │   ├── GuestLost         the guest ran and then died or powered off
    │   │   └── GuestHung     it may still run, and makes no progress
    │   ├── QemuKilled        someone on the host ended QEMU: nothing is known of the guest
    │   ├── LineLost          the serial line to the machine broke: nothing is known of the machine
    │   └── QmpLost           QEMU no longer answers on its monitor
    └── MeasureError          the guest may be fine, but a number could not be taken
"""

__all__ = [
    "BuildError",
    "GuestHung",
    "GuestLost",
    "HostError",
    "LaunchFailed",
    "LineLost",
    "MachineError",
    "MeasureError",
    "QemuKilled",
    "QmpLost",
    "SourceUnavailable",
    "SpecError",
    "TestbedError",
]


class TestbedError(Exception):
    """Base of the tree; the message is one line, or a line and the evidence below it."""

    __test__ = False  # pytest: the name is no test class


class SpecError(TestbedError):
    """Input is wrong; the message starts with ``file:line:`` where there is a file."""


class HostError(TestbedError):
    """The host lacks something; the message ends with the line that mends it."""


class BuildError(TestbedError):
    """A kernel or guest image could not be built."""


class SourceUnavailable(BuildError):
    """No network, or the source is no longer offered: what needs it can be left out, all else holds."""


class MachineError(TestbedError):
    """The machine is broken; it must be destroyed, never reused."""


class LaunchFailed(MachineError):
    """QEMU exited early, a machine could not be switched on, or the guest's agent never answered."""


class GuestLost(MachineError):
    """The guest was up and is gone."""


class GuestHung(GuestLost):
    """The guest fell silent, or talks on and makes no progress."""


class QemuKilled(MachineError):
    """A signal or a command from outside ended QEMU."""


class LineLost(MachineError):
    """The device or connection that is the serial line is gone, or takes nothing."""


class QmpLost(MachineError):
    """The monitor connection broke or timed out."""


class MeasureError(TestbedError):
    """A counter could not be read."""
