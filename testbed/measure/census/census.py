# SPDX-License-Identifier: GPL-2.0-only
"""What a census has found: every page table of a guest with its class, beside the kernel's own accounts."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from testbed.measure.census.accounts import CgroupTables
from testbed.measure.census.classes import CLASSES, HUGE_KINDS
from testbed.measure.census.entries import KINDS
from testbed.measure.census.memory import U64
from testbed.measure.census.spaces import Space

__all__ = ["LEVELS", "Accounts", "Census", "HugeEntries", "Tables", "by_class"]

LEVELS = ("pte", "pmd", "pud", "p4d")
# mm->pgtables_bytes knows three levels (mm_inc_nr_ptes, _pmds, _puds).
ACCOUNTED = 3
NEVER_LISTED = "none"


@dataclass(frozen=True)
class Tables:
    """A row a table: owner (index of ``Census.spaces``), level (1 PTE … 4 P4D), first address that it maps, class.

    ``deposit`` marks the PTE tables that hang in no tree but wait behind a huge page. The tables of level 1 that hang
    in a tree come first: row by row, ``entries`` counts theirs by kind, and ``frame`` is the page frame they lie in.
    """

    space: NDArray[np.int32]
    level: NDArray[np.uint8]
    address: U64
    kind: NDArray[np.uint8]
    deposit: NDArray[np.bool_]
    entries: NDArray[np.uint16]
    frame: NDArray[np.intp]


@dataclass(frozen=True)
class HugeEntries:
    """Entries of PMD and PUD tables that map a page themselves: owner, address, kind (index of ``HUGE_KINDS``)."""

    space: NDArray[np.int32]
    address: U64
    kind: NDArray[np.intp]


@dataclass(frozen=True)
class Accounts:
    """How many tables each channel knows of, in pages.

    ``typed`` is the memmap's count of pages of type table; of these the walk reached ``reached`` in processes and
    ``kernel`` in the kernel's own tree; ``pending`` wait for RCU; ``unreached`` are the rest, which nobody points to.
    ``cgroups`` gives what is known of each memory cgroup, by its address.
    """

    typed: int
    reached: int
    kernel: int
    pending: int
    unreached: int
    nr_pagetable: int
    cgroups: Mapping[int, CgroupTables]


def by_class(
    space: NDArray[np.int32], level: NDArray[np.uint8], kind: NDArray[np.uint8], owners: int
) -> NDArray[np.int64]:
    """Count tables, given a row a table, by owner, level (0 is unused) and class."""
    shape = (owners, len(LEVELS) + 1, len(CLASSES))
    flat = np.ravel_multi_index((space, level, kind), shape)
    return np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape)


@dataclass(frozen=True)
class Census:
    """``bad`` counts entries that lead to no table by owner and level, ``shared`` PMD tables by those who borrow one.

    ``garbage`` counts what stood on the kernel's lists of tasks and mappings and was none.
    """

    spaces: tuple[Space, ...]
    tables: Tables
    huge: HugeEntries
    bad: NDArray[np.int64]
    shared: NDArray[np.int64]
    garbage: int
    accounts: Accounts
    seconds: float
    way: str

    def counts(self, spaces: Collection[int] | None = None) -> dict[str, dict[str, int]]:
        """Tables by level and class, of those owners (indices) or of all: ``{"pte": {"tables": …, "empty": …}, …}``.

        ``deposit`` counts what is within the classes already; ``bad`` counts entries that lead to no table.
        """
        which = self._which(spaces)
        found: dict[str, dict[str, int]] = {}
        for number, level in enumerate(LEVELS, start=1):
            here = self._by_class[which, number].sum(axis=0)
            found[level] = {"tables": int(here.sum())}
            found[level] |= {name: int(count) for name, count in zip(CLASSES, here, strict=True)}
            found[level]["deposit"] = int(self._deposits[which].sum()) if number == 1 else 0
            found[level]["bad"] = int(self.bad[which, number].sum())
        return found

    def kinds(self, spaces: Collection[int] | None = None) -> dict[str, int]:
        """Entries that are not empty by kind; those of upper tables have names that begin with ``huge_``."""
        which = self._which(spaces)
        mine = np.isin(self.tables.space[: len(self.tables.entries)], which)
        small = zip(KINDS, self.tables.entries[mine].sum(axis=0, dtype=np.int64).tolist(), strict=True)
        large = np.bincount(self.huge.kind[np.isin(self.huge.space, which)], minlength=len(HUGE_KINDS)).tolist()
        counted = {kind: count for kind, count in small if kind != NEVER_LISTED}
        return counted | {f"huge_{kind}": count for kind, count in zip(HUGE_KINDS, large, strict=True)}

    def frames(self, spaces: Collection[int] | None = None) -> NDArray[np.intp]:
        """Page frames of the PTE tables in the trees of those owners (indices) or of all."""
        mine = np.isin(self.tables.space[: len(self.tables.frame)], self._which(spaces))
        return self.tables.frame[mine]

    @cached_property
    def _by_class(self) -> NDArray[np.int64]:
        """Tables by owner, level (0 is unused) and class."""
        return by_class(self.tables.space, self.tables.level, self.tables.kind, len(self.spaces))

    @cached_property
    def _deposits(self) -> NDArray[np.int64]:
        """Deposited tables by owner."""
        return np.bincount(self.tables.space[self.tables.deposit], minlength=len(self.spaces))

    def owned(self) -> NDArray[np.int64]:
        """How many tables ``mm->pgtables_bytes`` of each owner should count, by the walk."""
        walked: NDArray[np.int64] = self._by_class[:, 1 : ACCOUNTED + 1].sum(axis=(1, 2))
        return walked + self.shared

    def of_cgroup(self, cgroup: int) -> tuple[int, ...]:
        """Owners (indices) whose tasks belong to a memory cgroup."""
        return tuple(index for index, space in enumerate(self.spaces) if cgroup and space.cgroup == cgroup)

    def save(self, path: Path) -> None:
        """Keep every table in a ``.npz``: ``mm`` (index of ``spaces``), ``level``, ``address``, ``class``, ``deposit``.

        ``spaces`` holds ``pid name`` of each owner, ``classes``, ``kinds`` and ``huge_kinds`` the names; ``entries``
        and ``frame`` belong to the first tables, row by row; ``huge_mm``, ``huge_address`` and ``huge_kind`` are a row
        an entry.
        """
        tables, huge = self.tables, self.huge
        columns: dict[str, Any] = {
            "mm": tables.space,
            "level": tables.level,
            "address": tables.address,
            "class": tables.kind,
            "deposit": tables.deposit,
            "entries": tables.entries,
            "frame": tables.frame,
            "huge_mm": huge.space,
            "huge_address": huge.address,
            "huge_kind": huge.kind.astype(np.uint8),
            "spaces": np.array([f"{space.pid or '-'} {space.name}" for space in self.spaces]),
            "classes": np.array(CLASSES),
            "kinds": np.array(KINDS),
            "huge_kinds": np.array(HUGE_KINDS),
        }
        np.savez_compressed(path, **columns)

    def _which(self, spaces: Collection[int] | None) -> NDArray[np.intp]:
        return np.arange(len(self.spaces)) if spaces is None else np.array(sorted(spaces), dtype=np.intp)
