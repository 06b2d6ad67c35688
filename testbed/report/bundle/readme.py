# SPDX-License-Identifier: GPL-2.0-only
"""``README.md`` of a bundle: what it is, what it needs, how to run it, what was seen, how to look closer."""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from testbed.report.bundle.script import plain, unshelled
from testbed.report.reason import printable
from testbed.spec import BugSpec, Sign

__all__ = ["readme", "sign_text"]

TEMPLATE = Path(__file__).with_name("readme.md")
# Numbers that the testbed counts from outside, and that a guest can't tell of itself to the last one.
COUNTED = re.compile(r"\.(?:tables|left_over|left_over_kb|left_over_file|census|entries|stale_entries)\b")
CENSUS = """\
The testbed counts page tables by a census from outside. `reproduce.sh` asks the guest: `tables` and `left_over` of a
level come from VmPTE of the workload's first process, less what its pages need by PAGEMAP_SCAN. VmPTE has all levels in
it, so such a number is a range, and where the limit is within the range the attempt is not judged. `census.*`,
`entries.*`, `left_over_file` and `stale_entries` can't be told so, and are not judged by it."""
CONSOLE = """\
`reproduce.sh` believes the console, where a program that writes to `/dev/console` can pose as the kernel; the testbed
asks the kernel's own log."""
ABOUT = {
    "agent/": "the program that is init in the guest, as source",
    "bundle.json": "all of this for a program: kernel, guest, workload, signs, how it was run",
    "bzImage": "the kernel",
    "config": "its options, as they came out",
    "config.requested": "its options, as they were asked for",
    "console.log": "what the kernel said",
    "crash.txt": "how it died: title, decoded stack, report",
    "culprit.svg": "the page tables that the crash is about, as a picture",
    "dmesg.txt": "the kernel's log, read out of the dead guest's memory",
    "hang.txt": "registers of all vCPUs, and what the kernel answered to sysrq",
    "initramfs.cpio.gz": "the guest: agent, busybox, all workloads",
    "output.log": "what the workload printed",
    "patches/": "what is on top of the kernel's source, in the order of `patches/series`",
    "record.json": "the verdict with all numbers",
    "run.txt": "what the agent is told to do; `-r FILE` is for a copy with other `arg=` lines",
    "samples.jsonl": "all messages of the agent, and samples while the workload ran",
    "vmcore.zst": "the memory of the dead guest, for `crash`, drgn, or `./tb census`",
    "vmlinux": "the kernel with DWARF, for gdb, drgn and addr2line",
    "workload/": "the workload's source and the program",
}


def readme(
    cell: Mapping[str, Any], bug: BugSpec, record: Mapping[str, Any], kernel: Mapping[str, Any], names: Collection[str]
) -> str:
    """Give the text; ``cell`` is the stored cell, ``kernel`` the facts of the bundle, ``names`` its other files."""
    guest, scenario = cell["guest"], cell["scenario"]
    memory = (scenario["memory_bytes"] or guest["memory_bytes"]) >> 20
    patches = f"patchset {kernel['patchset_hash'][:12]}" if kernel["patchset_hash"] else "no patches"
    source = f"{kernel['release']} ({kernel['source_version']}, {patches})"
    accel = f"{record['accel']['kind']} ({printable(record['accel']['reason'])})"
    texts = {
        "TITLE": printable(bug.title),
        "CELL": record["cell"],
        "REPORT": f"\nReported as: {printable(bug.report)}\n" if bug.report else "",
        "VERDICT": record["verdict"],
        "REASON": printable(record["reason"]) + (f"; {_shown(record)}" if record.get("shown") else ""),
        "KERNEL": f"{kernel['name']}, {source}, {kernel['compiler']}",
        "GUEST": f"{guest['vcpus']} vCPU, {memory} MiB, {guest['levels']} levels of page tables; by {accel}",
        "WORKLOAD": " ".join([f"/workloads/{scenario['workload']}", *scenario["argv"]]),
        "SIGNS": "\n".join(f"* {sign_text(sign)}" for sign in bug.signs),
        "CAVEATS": "".join(f"\n{each}\n" for each in _caveats(bug.signs)),
        "FILES": "\n".join(f"| `{name}` | {text} |" for name, text in ABOUT.items() if _is_there(name, names)),
    }
    # one pass, so that nothing is filled into what was filled in
    return re.sub(r"@([A-Z]+)@", lambda found: texts[found[1]], TEMPLATE.read_text(encoding="utf-8"))


def _shown(record: Mapping[str, Any]) -> str:
    answer = {True: "it showed", False: "it did not show", None: "could not be judged"}[record["shown"]["shown"]]
    return f"{answer}: {printable(record['shown']['sign'])}"


def sign_text(sign: Sign) -> str:
    """Give a sign in words."""
    if sign.metrics:
        return " and ".join(f"`{plain(each)}`" for each in sign.metrics)
    if sign.crash is not None:
        crash = sign.crash
        parts = ((crash.kind, "of kind"), (crash.title, "with the title"), (crash.report, "whose report has"))
        return "the kernel dies or complains: " + ", ".join(f"{what} `{text}`" for text, what in parts if text)
    return f"the workload, the console or the verdict says `{sign.said}`"


def _caveats(signs: Sequence[Sign]) -> list[str]:
    counted = any(COUNTED.search(plain(each)) for sign in signs for each in sign.metrics)
    crashes = any(sign.crash for sign in signs)
    return [
        *([CENSUS] if counted else []),
        *([CONSOLE] if crashes else []),
        *(f"Not for the shell: {why}." for why in unshelled(signs)),
    ]


def _is_there(name: str, names: Collection[str]) -> bool:
    return name in names or (name.endswith("/") and any(each.startswith(name) for each in names))
