# SPDX-License-Identifier: GPL-2.0-only
"""The generator's books held against the census of the same guest, class by class and kind by kind."""

from pathlib import Path

import numpy as np

LEVELS = ("pte", "pmd", "pud", "p4d")
GIB = 1 << 30
#: KSM's zeros are among those of the zeropage.
ENTRIES = ("anon", "file_clean", "file_dirty", "shmem", "zero", "marker", "swap", "device")
#: Names of the census and of the books.
HUGE = {"anon": "anon", "file": "shmem", "zero": "zero", "zero_held": "zero_held", "hugetlb": "hugetlb"}


def counted(census: Path, low: int, high: int) -> dict[str, int]:
    """What a stored census has between two addresses, under the names of the books."""
    with np.load(census) as kept:
        inside = (kept["address"] >= low) & (kept["address"] < high)
        level, kind, deposit = kept["level"][inside], kept["class"][inside], kept["deposit"][inside]
        classes = list(kept["classes"])
        entries = kept["entries"][inside[: len(kept["entries"])]].sum(axis=0, dtype=np.int64)
        kinds = dict(zip(kept["kinds"], entries.tolist(), strict=True))
        large = (kept["huge_address"] >= low) & (kept["huge_address"] < high)
        huge = np.bincount(kept["huge_kind"][large], minlength=len(kept["huge_kinds"])).tolist()
        huge = dict(zip(kept["huge_kinds"], huge, strict=True))
    found = {}
    for number, name in enumerate(LEVELS, 1):
        here = kind[(level == number) & ~deposit]
        found |= {f"{name}_{word}": int(np.count_nonzero(here == at)) for at, word in enumerate(classes)}
        if name != "pte":
            del found[f"{name}_zero"]
    found["deposit_zero"] = int(np.count_nonzero(kind[deposit] == classes.index("zero")))
    found["deposit_kept"] = int(np.count_nonzero(kind[deposit] == classes.index("needed")))
    found |= {f"entries_{word}": kinds[word] for word in ENTRIES}
    found |= {f"entries_{word}": kinds[word] for word in ("migration", "bad")}
    return found | {f"huge_{word}": huge[word] for word in HUGE}


def expected(values: dict[str, int]) -> dict[str, int]:
    """What the books say, under the same names."""
    wanted = {f"pte_{word}": values[f"expect_pte_{word}"] for word in ("empty", "zero", "file", "needed")}
    for name in LEVELS[1:]:
        wanted |= {f"{name}_{word}": values[f"expect_{name}_{word}"] for word in ("empty", "file", "needed")}
    wanted["deposit_zero"] = values["expect_deposit_zero"]
    wanted["deposit_kept"] = values["expect_deposit_zero_held"] + values["expect_deposit_thp"]
    wanted |= {f"entries_{word}": values[f"expect_entries_{word}"] for word in ENTRIES}
    wanted |= {"entries_migration": 0, "entries_bad": 0}
    wanted |= {f"huge_{word}": values[f"expect_huge_{name}"] for word, name in HUGE.items()}
    # a PMD table of two mappings, which holds two pages, is one table, met once
    wanted["pmd_needed"] -= values["expect_pmd_shared"]
    wanted["huge_hugetlb"] -= 2 * values["expect_pmd_shared"]
    return wanted


def quarrels(record: dict, census: Path) -> dict[str, tuple[int, int]]:
    """Where books and census differ: name to (books, census); empty where they agree."""
    values = record["values"]
    wanted = expected(values)
    found = counted(census, values["shape_lo_gib"] * GIB, values["shape_hi_gib"] * GIB)
    return {name: (wanted[name], found[name]) for name in wanted if wanted[name] != found[name]}
