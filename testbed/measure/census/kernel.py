# SPDX-License-Identifier: GPL-2.0-only
"""What the census must know of a kernel, read by name from its DWARF and its memory, never by its version."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from drgn import FaultError, Program, TypeMember

from testbed.errors import MeasureError

__all__ = ["Kernel", "PageLayout", "Swap", "VmaLayout", "read_kernel"]

PAGE_SHIFT = 12
PAGE_BYTES = 1 << PAGE_SHIFT
# arch/x86/include/asm/page_64_types.h and pgtable_64_types.h: fixed where CONFIG_DYNAMIC_MEMORY_LAYOUT is off
PAGE_OFFSET_L4 = 0xFFFF_8880_0000_0000
VMEMMAP_L4 = 0xFFFF_EA00_0000_0000
# __START_KERNEL_map
IMAGE = 0xFFFF_FFFF_8000_0000
FOUR_LEVEL_SHIFT = 39
WORD = (1 << 64) - 1
# include/linux/mm.h, as they have been since they came; macros leave no trace in DWARF. Kernels that number them by an
# enum are asked.
VMA_FLAGS = {
    "PFNMAP": 0x400,
    "UFFD_MISSING": 0x200,
    "UFFD_WP": 0x1000,
    "LOCKED": 0x2000,
    "HUGETLB": 0x400000,
    "SOFTDIRTY": 0x8000000,
    "MIXEDMAP": 0x10000000,
    "UFFD_MINOR": 1 << 38,
}
BARE = ("PFNMAP", "UFFD_MISSING", "UFFD_WP", "LOCKED", "HUGETLB", "MIXEDMAP", "UFFD_MINOR", "UFFD_RWP")
# Types of a swap entry (include/linux/swap.h): a marker is always the last of 32.
SWAP_TYPES = 32
MIGRATION_TYPES = 3

T = TypeVar("T")


@dataclass(frozen=True)
class PageLayout:
    """``struct page`` and ``struct folio``: offsets in bytes; ``table`` is what the top byte of the type must be."""

    size: int
    flags: int
    head: int
    mapping: int
    type: int
    memcg: int | None
    deposit: int
    list_next: int
    table: int
    swapbacked: int


@dataclass(frozen=True)
class VmaLayout:
    """``struct vm_area_struct`` and the maple tree's nodes: offsets in bytes; flags as bit masks."""

    start: int
    end: int
    flags: int
    ops: int
    root: int
    bare: int
    softdirty: int
    hugetlb: int


@dataclass(frozen=True)
class Swap:
    """First swap type of each sort of entry that is no swap (include/linux/swapops.h)."""

    files: int
    migration: int
    device: int
    marker: int = SWAP_TYPES - 1


@dataclass(frozen=True)
class Kernel:
    """A kernel's layout, and where its things are; addresses are virtual.

    ``image_phys`` is what KASLR added; with ``split_deposits`` deposited tables hang on their PMD table, else on their
    space.
    """

    levels: int
    page_offset: int
    vmemmap: int
    image_phys: int
    max_pfn: int
    kernel_pgd: int
    efi_pgd: int
    split_deposits: bool
    zero_pfn: int
    huge_zero_pfn: int | None
    page: PageLayout
    vma: VmaLayout
    swap: Swap

    def physical(self, address: int) -> int:
        """Physical address of something in the direct map or in the kernel's image (``__phys_addr_nodebug``).

        It wraps round as a C program's does: garbage is an address outside RAM.
        """
        if address >= IMAGE:
            return address - IMAGE + self.image_phys & WORD
        return address - self.page_offset & WORD


def read_kernel(prog: Program) -> Kernel:
    """Read all of it; MeasureError names what this kernel lacks."""
    try:
        return Kernel(
            levels=_levels(prog),
            page_offset=_variable(prog, "page_offset_base", PAGE_OFFSET_L4),
            vmemmap=_variable(prog, "vmemmap_base", VMEMMAP_L4),
            max_pfn=prog.variable("max_pfn").value_(),
            image_phys=_variable(prog, "phys_base", 0),
            kernel_pgd=prog.variable("init_mm").pgd.value_(),
            efi_pgd=_first((lambda: prog.variable("efi_mm").pgd.value_(), lambda: 0)),
            split_deposits=_split_deposits(prog),
            zero_pfn=_zero_pfn(prog),
            huge_zero_pfn=_huge_zero_pfn(prog),
            page=_page(prog),
            vma=_vma(prog),
            swap=_swap(prog),
        )
    except (LookupError, FaultError, OSError) as error:
        raise MeasureError(f"this kernel's page tables are not understood: {error}") from error


def _first(tries: Sequence[Callable[[], T]]) -> T:
    """Give the first that does not end in a LookupError; the last one's error if none does.

    No error is kept here: its frames would keep drgn's program, and with it the monitor's connection.
    """
    *early, last = tries
    for attempt in early:
        try:
            return attempt()
        except LookupError:
            continue
    return last()


def _variable(prog: Program, name: str, otherwise: int) -> int:
    return int(_first((lambda: prog.variable(name).value_(), lambda: otherwise)))


def _levels(prog: Program) -> int:
    # 48 where five levels are in use
    shift = _first(
        (
            lambda: prog.variable("pgdir_shift").value_(),
            lambda: prog.variable("__pgdir_shift").value_(),
            lambda: FOUR_LEVEL_SHIFT,
        )
    )
    return 4 if shift == FOUR_LEVEL_SHIFT else 5


def _zero_pfn(prog: Program) -> int:
    image_phys = _variable(prog, "phys_base", 0)
    return int(
        _first(
            (
                lambda: prog.variable("zero_pfn").value_(),
                lambda: prog.variable("zero_page_pfn").value_(),
                lambda: prog.variable("empty_zero_page").address_of_().value_() - IMAGE + image_phys >> PAGE_SHIFT,
            )
        )
    )


def _split_deposits(prog: Program) -> bool:
    """Whether each PMD table has a list of deposits (CONFIG_SPLIT_PMD_PTLOCKS), or each space, or there are none."""
    with_space = any(member.name == "pmd_huge_pte" for member in _members(prog, "mm_struct"))
    huge_pages = _first((lambda: prog.variable("huge_zero_pfn") is not None, lambda: False))
    return huge_pages and not with_space


def _members(prog: Program, struct: str) -> Iterator[TypeMember]:
    """All members, those of unnamed parts included."""
    parts = [prog.type(f"struct {struct}")]
    while parts:
        for member in parts.pop().members or ():
            if member.name is None:
                parts.append(member.type)
            yield member


def _huge_zero_pfn(prog: Program) -> int | None:
    """None where there is none now, or no transparent huge pages at all."""
    pfn = _first((lambda: prog.variable("huge_zero_pfn").value_(), lambda: None))
    return None if pfn is None or pfn >= 1 << 40 else int(pfn)


def _offset(prog: Program, struct: str, *paths: str) -> int:
    def of(path: str) -> Callable[[], int]:
        return lambda: int(_member(prog, struct, path))

    return _first([of(path) for path in paths])


def _member(prog: Program, struct: str, path: str) -> int:
    kind, bits = prog.type(f"struct {struct}"), 0
    for name in path.split("."):
        member = kind.member(name)
        bits += member.bit_offset
        kind = member.type
    return bits // 8


def _page(prog: Program) -> PageLayout:
    def memcg() -> int | None:
        return _offset(prog, "page", "memcg_data")

    size = prog.type("struct page").size
    if size is None or PAGE_BYTES % size:
        raise LookupError(f"struct page has {size} bytes, which do not fill a page evenly")
    return PageLayout(
        size=size,
        flags=_offset(prog, "page", "flags"),
        head=_offset(prog, "page", "compound_head", "compound_info"),
        mapping=_offset(prog, "folio", "mapping"),
        type=_offset(prog, "page", "page_type"),
        memcg=_first((memcg, lambda: None)),
        deposit=_offset(prog, "ptdesc", "pmd_huge_pte"),
        list_next=_offset(prog, "ptdesc", "pt_list.next"),
        table=prog.constant("PGTY_table").value_(),
        swapbacked=1 << prog.constant("PG_swapbacked").value_(),
    )


def _vma(prog: Program) -> VmaLayout:
    def mask(name: str) -> int:
        def asked() -> int:
            return 1 << int(prog.constant(f"VMA_{name}_BIT").value_())

        return _first((asked, lambda: VMA_FLAGS.get(name, 0)))

    bare = 0
    for name in BARE:
        bare |= mask(name)
    return VmaLayout(
        start=_offset(prog, "vm_area_struct", "vm_start"),
        end=_offset(prog, "vm_area_struct", "vm_end"),
        flags=_offset(prog, "vm_area_struct", "vm_flags"),
        ops=_offset(prog, "vm_area_struct", "vm_ops"),
        root=_offset(prog, "mm_struct", "mm_mt.ma_root"),
        bare=bare,
        softdirty=mask("SOFTDIRTY"),
        hugetlb=mask("HUGETLB"),
    )


def _swap(prog: Program) -> Swap:
    """MAX_SWAPFILES is the length of ``swap_info``; poison, migration and device types follow it, as configured."""

    def files() -> int:
        return int(prog.variable("swap_info").type_.length or 0)

    first = _first((files, lambda: SWAP_TYPES - 1))
    poison = _first((lambda: bool(prog.function("memory_failure")) * 1, lambda: 0))
    migration = first + poison
    room = SWAP_TYPES - 1 - migration
    return Swap(
        files=first, migration=migration, device=migration + (MIGRATION_TYPES if room >= MIGRATION_TYPES else 0)
    )
