# SPDX-License-Identifier: GPL-2.0-only
import pytest

from testbed.machine.accel import Accel
from testbed.run.launching import slowdown


@pytest.mark.parametrize("name", ["ptreclaim-6.12+debug", "ptreclaim-6.12+debug~lock-dropped", "reported+kcsan~lost"])
def test_a_kernel_with_checkers_gets_more_time_whoever_made_it(name: str) -> None:
    plain, checked = (slowdown(Accel("kvm", "told by a test"), kernel) for kernel in ("vanilla-6.12~lost", name))
    assert (plain, checked) == (1.0, 8.0)
