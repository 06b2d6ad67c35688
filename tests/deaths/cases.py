# SPDX-License-Identifier: GPL-2.0-only
"""The cases of tests/corpus: what a guest left when it died, and the right answer beside it."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from testbed.judge.evidence import Evidence
from testbed.judge.verdict import judge

CORPUS = Path(__file__).resolve().parents[1] / "corpus"
# What an answer says of a crash beside the verdict.
TOLD = ("kind", "type", "title", "fingerprint")


def read(folder: Path) -> tuple[Evidence, dict[str, str]]:
    """Give the evidence of a case, and its answer."""
    console = (folder / "console.log").read_bytes().decode(errors="replace").replace("\r\n", "\n")
    log = folder / "dmesg.txt"
    record = json.loads((folder / "evidence.json").read_text())
    evidence = Evidence.of(record, console, log.read_text() if log.is_file() else "")
    return evidence, json.loads((folder / "answer.json").read_text())


def write_answer(folder: Path, answer: dict[str, str], crash: dict[str, str] | None) -> None:
    """Write what is right, and what was told of a crash."""
    told = {key: crash[key] for key in TOLD} if crash else {}
    (folder / "answer.json").write_text(json.dumps({**answer, **told}, indent=2) + "\n")


def retell() -> None:
    """Judge all cases again and write what is told now of their crashes; a verdict that has changed raises."""
    for folder in sorted(path for path in CORPUS.iterdir() if path.is_dir()):
        evidence, answer = read(folder)
        verdict = judge(evidence, [], None)
        if verdict.kind != answer["verdict"]:
            raise RuntimeError(f"{folder.name}: {verdict.kind} instead of {answer['verdict']}: {verdict.reason}")
        right = {key: value for key, value in answer.items() if key not in TOLD}
        write_answer(folder, right, asdict(verdict.crash) if verdict.crash else None)


if __name__ == "__main__":
    sys.exit(retell())
