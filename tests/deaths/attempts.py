# SPDX-License-Identifier: GPL-2.0-only
"""Keep crashes of planted bugs in tests/corpus: ``python tests/deaths/attempts.py RUN CELL…``, cells of ./tb reproduce.

The answer's verdict is ``crash``; a cell that ended otherwise is refused. As with record.py, a person reads what was
told of the crash against the console before it counts.
"""

import json
import shutil
import sys
from pathlib import Path

from cases import CORPUS, write_answer
from record import KEPT, LOG, LOG_LINES

from testbed.store.folder import RunFolder


def keep(run: Path, cell: str) -> Path:
    """Put one cell of a run into the corpus, under its bug's name."""
    folder = RunFolder(run)
    record = next(record for record in folder.records() if record["cell"] == cell)
    if record["verdict"] != "crash" or not record["shown"]:
        raise SystemExit(f"{cell}: no crash of an attempt at a bug: {record['verdict']}: {record['reason']}")
    bug = record["scenario"]["name"]
    kept = CORPUS / f"{bug.replace('/', '-')}+debug"
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir()
    left = folder.cell(cell)
    for name in KEPT:
        shutil.copy(left / name, kept)
    if (left / LOG).is_file():
        (kept / LOG).write_text("".join((left / LOG).read_text().splitlines(keepends=True)[-LOG_LINES:]))
    write_answer(kept, {"how": bug, "kernel": record["kernel"]["name"], "verdict": "crash"}, record["crash"])
    return kept


if __name__ == "__main__":
    for name in sys.argv[2:]:
        print(json.dumps({name: keep(Path(sys.argv[1]), name).name}))
