# SPDX-License-Identifier: GPL-2.0-only
"""A still picture of the page tables of one process, as SVG that needs nothing else and follows light and dark.

It shows what the map of the HTML report shows, in its colours and forms: each block a table, a hole in it for one of
zeropages, half a block for one of page cache.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from testbed.report.html.maps import Seen
from testbed.report.tablestrip import Strip, paths, runs_of, strips

__all__ = ["COLOURS", "Caption", "culprit_svg"]

#: As in ``html/style.css``: on a light and on a dark ground.
COLOURS = {
    "bg": ("#f7f7f5", "#121416"),
    "panel": ("#ffffff", "#1a1d20"),
    "line": ("#dcdcd6", "#32383e"),
    "text": ("#1c1f22", "#e3e6e8"),
    "muted": ("#5b6167", "#a0a8af"),
    "map-empty": ("#b83c0a", "#f4753b"),
    "map-zero": ("#d49600", "#f7d774"),
    "map-file": ("#2f8fd0", "#4a9fe0"),
    "map-needed": ("#8e98a3", "#64717e"),
}
ABOUT = {
    "empty": "no entry: could go",
    "zero": "only zeropages: could go",
    "file": "only page cache: could go when asked",
    "needed": "has to stay",
}
NAMES = {"p4d": "P4D", "pud": "PUD", "pmd": "PMD", "pte": "PTE", "deposit": "deposits"}
COUNTED = ("pte", "pmd", "pud", "p4d", "deposit")
# Sizes of a block; from FORMED on it has the form of its class, from LINED on there are lines between blocks.
BLOCKS = (14, 12, 10, 8, 7, 6, 5, 4, 3, 2, 1)
SEEN, FORMED, LINED = 8, 5, 4

WIDTH, MARGIN, GUTTER = 960, 24, 124
ROOM = WIDTH - 2 * MARGIN - GUTTER
# The strips' height that the size of a block is chosen for.
TALL = 560
LABEL, BETWEEN, ADDRESS_EVERY = 18, 14, 13
# A run takes some eight bytes; above as many, a block stands for several tables.
MOST_RUNS = 28_000
UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd]")


@dataclass(frozen=True)
class Caption:
    """What stands above: whose tables these are, and lines of what else is known of the crash."""

    title: str
    lines: Sequence[str]


def culprit_svg(seen: Seen, caption: Caption) -> str:
    """Draw the tables of the processes that were seen."""
    each, laid = 1, strips(seen)
    block = _fit(laid)
    while sum(1 for strip in laid for _ in runs_of(strip, ROOM // block)) > MOST_RUNS:
        each *= 2
        laid = strips(seen, each)
        block = _fit(laid)
    head, top = _head(caption.title, caption.lines)
    table, top = _counts(seen, top + 10)
    drawn, height = _strips(laid, seen.classes, block, top + 8)
    said = f"{caption.title}. {' '.join(caption.lines)}"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
            f' role="img" aria-label="{_attribute(said)}">',
            f"<title>{_text(caption.title)}</title>",
            f"<style>{_style()}</style>",
            f"<defs>{''.join(_patterns(size) for size in sorted({_size(strip, block) for strip in laid}))}</defs>",
            f'<rect class="ground" width="{WIDTH}" height="{height}"/>',
            *head,
            *table,
            *drawn,
            "</svg>\n",
        ]
    )


def _fit(laid: Sequence[Strip]) -> int:
    """Choose the largest size of a block with which all fits."""
    for block in BLOCKS:
        rows = sum(-(-len(strip.kind) // (ROOM // block)) for strip in laid)
        if rows * block <= TALL:
            return block
    return 1


def _size(strip: Strip, block: int) -> int:
    """Give the size of a strip's blocks: what fits in a row anyway need not be small."""
    return max(block, SEEN) if len(strip.kind) * SEEN <= ROOM else block


def _head(title: str, lines: Sequence[str]) -> tuple[list[str], int]:
    parts = [f'<text class="title" x="{MARGIN}" y="{MARGIN + 14}">{_text(title)}</text>']
    top = MARGIN + 20
    for line in lines:
        top += 17
        parts.append(f'<text class="muted" x="{MARGIN}" y="{top}">{_text(line)}</text>')
    return parts, top


def _counts(seen: Seen, top: int) -> tuple[list[str], int]:
    """A small table: a row a class, a column a level; its first column is the legend of the colours."""
    counts = seen.counts()
    levels = [level for level in COUNTED if any(counts[level].values())]
    right = {level: MARGIN + 400 + 90 * at for at, level in enumerate(levels)}
    y = top + 16
    parts = [f'<text class="muted end" x="{x}" y="{y}">{NAMES[level]}</text>' for level, x in right.items()]
    for name in seen.classes:
        y += 19
        parts.append(
            f'<rect x="{MARGIN}" y="{y - 10}" width="11" height="11" fill="var(--map-{name})"/>'
            f'<text x="{MARGIN + 19}" y="{y}">{name}</text>'
            f'<text class="muted" x="{MARGIN + 80}" y="{y}">{ABOUT.get(name, "")}</text>'
        )
        for level, x in right.items():
            count = counts[level][name]
            parts.append(f'<text class="end{"" if count else " muted"}" x="{x}" y="{y}">{count:,}</text>')
    return parts, y + 14


def _strips(laid: Sequence[Strip], classes: Sequence[str], smallest: int, top: int) -> tuple[list[str], int]:
    parts = []
    left = MARGIN + GUTTER
    for strip in laid:
        top += BETWEEN
        block = _size(strip, smallest)
        across = ROOM // block
        rows = -(-len(strip.kind) // across)
        parts.append(f'<text x="{MARGIN}" y="{top + 10}">{_text(_strip_label(strip))}</text>')
        top += LABEL
        step = max(1, -(-ADDRESS_EVERY // block))
        for row in range(0, rows, step):
            # the first block of the row begins there
            y = top + row * block + max(9, min(block, 11))
            parts.append(f'<text class="mono" x="{MARGIN}" y="{y}">{_hex(int(strip.address[row * across]))}</text>')
        parts.append(f'<g transform="translate({left} {top}) scale({block})">')
        parts += [
            f'<path class="{name}" stroke="url(#{name}-{block})" d="{path}"><title>{name}</title></path>'
            for name, path in paths(strip, across, classes).items()
        ]
        parts.append("</g>")
        top += max(rows * block, ADDRESS_EVERY)
    return parts, top + MARGIN


def _strip_label(strip: Strip) -> str:
    count = f"{NAMES[strip.plane]}: {strip.tables:,} table{'s' if strip.tables > 1 else ''}"
    if strip.plane == "deposit":
        count = f"{strip.tables:,} PTE table{'s' if strip.tables > 1 else ''} deposited behind huge pages"
    grouped = f", each block {strip.each} of them in a row, in the class that most have" if strip.each > 1 else ""
    gaps = f", {strip.gaps:,} gap{'s' if strip.gaps > 1 else ''}" if strip.gaps else ""
    return f"{count}, {_hex(strip.first)} to {_hex(strip.last)}{gaps}{grouped}"


def _hex(address: int) -> str:
    return f"{address:#x}"


def _style() -> str:
    light = "".join(f"--{name}:{colour};" for name, (colour, _) in COLOURS.items())
    dark = "".join(f"--{name}:{colour};" for name, (_, colour) in COLOURS.items())
    return (
        f":root{{color-scheme:light dark;{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}"
        "text{font:12px system-ui,sans-serif;fill:var(--text)}"
        ".title{font-size:17px;font-weight:600}.muted{fill:var(--muted)}.end{text-anchor:end}"
        ".mono{font:10px ui-monospace,'DejaVu Sans Mono',Menlo,monospace;fill:var(--muted)}"
        ".ground{fill:var(--bg)}path{fill:none;stroke-width:1}"
    )


def _patterns(block: int) -> str:
    """The form of a block of each class, a unit wide and high; where there is room, colour is not all that tells."""
    inner = 1 - 1 / block if block >= LINED else 1.0
    third = inner / 3
    forms = dict.fromkeys(ABOUT, f"M0 0h{inner:.4g}v{inner:.4g}h-{inner:.4g}z")
    if block >= FORMED:
        hole = f"M{third:.4g} {third:.4g}h{third:.4g}v{third:.4g}h-{third:.4g}z"
        forms["zero"] += hole
        forms["file"] = f"M0 0L{inner:.4g} {inner:.4g}H0z"
    return "".join(
        f'<pattern id="{name}-{block}" width="1" height="1" patternUnits="userSpaceOnUse">'
        f'<path style="fill:var(--map-{name});fill-rule:evenodd" d="{form}"/></pattern>'
        for name, form in forms.items()
    )


def _text(said: str) -> str:
    """A program may call itself anything; what XML can't hold is shown as a question mark."""
    return escape(UNPRINTABLE.sub("?", said))


def _attribute(said: str) -> str:
    return escape(UNPRINTABLE.sub("?", said), {'"': "&quot;"})
