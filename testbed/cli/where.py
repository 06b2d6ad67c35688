# SPDX-License-Identifier: GPL-2.0-only
"""Where the checkout is whose kernels, guests and scenarios are used."""

from pathlib import Path

import testbed
from testbed.errors import SpecError

__all__ = ["checkout_root"]


def checkout_root() -> Path:
    """Give the working directory's checkout if it is in one, else the one that this package was installed from."""
    here = Path.cwd()
    source = Path(testbed.__file__).resolve().parent.parent
    for folder in (here, *here.parents, source):
        if (folder / "kernel" / "kernels.yaml").is_file() and (folder / "scenarios").is_dir():
            return folder
    raise SpecError(f"{here}: no checkout here (a folder with kernel/kernels.yaml and scenarios/); cd into one")
