# SPDX-License-Identifier: GPL-2.0-only
"""A run's folder: ``run.json``, ``results.jsonl`` and one folder a cell (design.md section 5)."""

import json
import os
import tempfile
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from testbed.errors import SpecError

__all__ = ["RunFolder"]


class RunFolder:
    """An open run. ``append`` may be called from several threads; a line is on disk when it returns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    @staticmethod
    def prepare(out: Path) -> None:
        """Make the folder that runs go to; SpecError if nothing can be written there, which is better known early."""
        try:
            out.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=out):
                return
        except OSError as error:
            raise SpecError(f"--out {out}: {error.strerror}; name a folder that can be written to") from error

    @classmethod
    def create(cls, out: Path, header: Mapping[str, Any]) -> "RunFolder":
        """Make ``out/<id>`` with its ``run.json``; the id is the UTC time, with a suffix where that is taken."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        cls.prepare(out)
        for attempt in range(100):
            path = out / (stamp if attempt == 0 else f"{stamp}-{attempt}")
            try:
                path.mkdir()
            except FileExistsError:
                continue
            folder = cls(path)
            (path / "run.json").write_text(json.dumps({"schema": 1, "run": path.name, **header}, indent=2) + "\n")
            (path / "results.jsonl").touch()
            return folder
        raise SpecError(f"{out}: too many runs were started in the same second")

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """Open a run that exists; SpecError where there is none."""
        if not (path / "results.jsonl").is_file():
            raise SpecError(f"{path}: not a run's folder (it has no results.jsonl)")
        return cls(path)

    @property
    def id(self) -> str:
        """The run's id, which is its folder's name."""
        return self.path.name

    def cell(self, name: str) -> Path:
        """Make and give the folder of cell ``name`` (slashes become a flat name)."""
        folder = self.path / "cells" / name.replace("/", "~")
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def append(self, record: Mapping[str, Any]) -> None:
        """Add one line to ``results.jsonl`` and bring it to the disk before returning."""
        line = json.dumps(record, sort_keys=False) + "\n"
        with self._lock, (self.path / "results.jsonl").open("a", encoding="utf-8") as sink:
            sink.write(line)
            sink.flush()
            os.fsync(sink.fileno())

    def header(self) -> dict[str, Any]:
        """Read ``run.json``."""
        header: dict[str, Any] = json.loads((self.path / "run.json").read_text(encoding="utf-8"))
        return header

    def records(self) -> list[dict[str, Any]]:
        """Read all whole lines, in the order of the plan; a last line that a crash cut off is left out."""
        text = (self.path / "results.jsonl").read_text(encoding="utf-8")
        records = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
        order = {name: index for index, name in enumerate(self.header().get("cells", ()))}
        return sorted(records, key=lambda record: order.get(record["cell"], len(order)))
