# SPDX-License-Identifier: GPL-2.0-only
"""A power switch that labgrid works: any driver of its PowerProtocol, from a labgrid environment file.

labgrid is an extra (``pip install 'testbed[machines]'``), so it is imported when a machine asks for it.
"""

import importlib
from collections.abc import Callable
from typing import Any

from testbed.errors import HostError, LaunchFailed
from testbed.spec import LabgridPower

__all__ = ["LabgridSwitch"]


class LabgridSwitch:
    """The switch of machine ``name``. Where the target is a RemotePlace, its place has to be acquired already."""

    def __init__(self, name: str, power: LabgridPower) -> None:
        """Raise HostError where labgrid is not installed, or finds no such driver."""
        self._what = f"machine {name}: labgrid's power of target {power.target}"
        try:
            labgrid = importlib.import_module("labgrid")
        except ImportError as error:
            raise HostError(f"{self._what}: labgrid is not installed; pip install 'testbed[machines]'") from error
        if not power.environment.is_file():
            raise HostError(f"{self._what}: {power.environment} is not there; write labgrid's environment file")
        self._driver: Any = self._asked(lambda: _driver(labgrid, power), HostError)

    def off(self) -> None:
        """Switch off."""
        self._asked(self._driver.off, LaunchFailed)

    def on(self) -> None:
        """Switch on."""
        self._asked(self._driver.on, LaunchFailed)

    def _asked(self, call: Callable[[], Any], kind: type[HostError | LaunchFailed]) -> Any:
        try:
            return call()
        except Exception as error:  # labgrid's drivers have no base of their errors
            raise kind(f"{self._what}: {type(error).__name__}: {error}; try it by hand with labgrid-client") from error


def _driver(labgrid: Any, power: LabgridPower) -> Any:
    """Give the active driver of the target; labgrid's own errors where there is none."""
    target = labgrid.Environment(str(power.environment)).get_target(power.target)
    if target is None:
        raise LookupError(f"{power.environment} has no target {power.target}")
    return target.get_driver("PowerProtocol")
