# SPDX-License-Identifier: GPL-2.0-only
"""Taint flags that a kernel sets on itself when something broke, whether or not its console could say so."""

__all__ = ["damage"]

# Documentation/admin-guide/tainted-kernels.rst; flags that tell of modules, firmware or the user are left out.
_DAMAGE = {4: "machine check (M)", 5: "bad page (B)", 7: "oops (D)", 9: "warning (W)", 14: "soft lockup (L)"}


def damage(before: int, after: int) -> list[str]:
    """Name what /proc/sys/kernel/tainted gained between two readings.

    >>> damage(0, 1 << 9 | 1 << 12)
    ['warning (W)']
    """
    return [name for bit, name in _DAMAGE.items() if (after & ~before) >> bit & 1]
