# SPDX-License-Identifier: GPL-2.0-only
"""Record deaths for tests/corpus: ``python tests/deaths/record.py [NAME…]``, then read what came out before it counts.

The verdict in an answer is the kind's, written by a person before the guest died; kind, title and fingerprint of the
crash are what was told, for a person to check against the console beside them. Where a change of the judge is meant to
change those, ``python tests/deaths/cases.py`` writes them again.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from cases import CORPUS, write_answer
from kinds import DEBUG, KINDS, Kind
from live import Death, die

KEPT = ("console.log", "evidence.json")
LOG = "dmesg.txt"
# How each guest booted is of no interest here.
LOG_LINES = 120


def keep(kind: Kind, death: Death) -> None:
    """Put what a death left into the corpus, with its answer; RuntimeError if the verdict was wrong."""
    verdict = death.record["verdict"]
    if verdict != kind.expect:
        raise RuntimeError(f"{kind.name}: {verdict} instead of {kind.expect}: {death.record['reason']}")
    folder = CORPUS / (kind.name + ("+debug" if kind.kernel == DEBUG else ""))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in KEPT:
        shutil.copy(death.folder / name, folder)
    if (death.folder / LOG).is_file():
        lines = (death.folder / LOG).read_text().splitlines(keepends=True)
        (folder / LOG).write_text("".join(lines[-LOG_LINES:]))
    write_answer(folder, {"how": kind.how, "kernel": kind.kernel, "verdict": verdict}, death.record["crash"])


def main(names: list[str]) -> None:
    """Record the kinds named, or all."""
    for kind in KINDS:
        if names and kind.name not in names:
            continue
        with tempfile.TemporaryDirectory() as folder:
            death = die(kind, Path(folder))
            told = "" if death.told_s is None else f" ({death.told_s:.2f} s after its sign)"
            print(f"{kind.name}: {death.record['verdict']}: {death.record['reason']}{told}", flush=True)
            keep(kind, death)


if __name__ == "__main__":
    main(sys.argv[1:])
