# SPDX-License-Identifier: GPL-2.0-only
"""A bug file written anew with a few values changed; comments and all else stay as a person wrote them."""

import io
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from testbed.errors import SpecError
from testbed.spec.kernel import OWN
from testbed.spec.tree import Tree

__all__ = ["bug_path", "write_smaller"]

#: Wide enough that no text is folded that was not.
WIDTH = 4096


def bug_path(root: Path, name_or_path: str) -> Path:
    """Return the file of a bug that is named as :func:`load_bug` takes it."""
    return Path(name_or_path) if name_or_path.endswith((".yaml", ".yml")) else Tree(root).bug_file(name_or_path)


def write_smaller(
    source: Path,
    target: Path,
    params: Mapping[str, int | str],
    memory: str | None,
    vcpus: int | None,
    remark: str,
) -> None:
    """Write the bug of ``source`` to ``target`` with these parameters, memory and vCPUs; None leaves one as it is.

    ``remark`` is a comment near the top. What is named relative to the file is named from where the new one stands, and
    a workload beside it is copied. SpecError where ``target`` is there already or can't be written.
    """
    yaml = YAML()
    yaml.width = WIDTH
    yaml.preserve_quotes = True
    data = yaml.load(source.read_text())
    before, after = source.resolve().parent, target.resolve().parent
    if params:
        data["params"] = {**data.get("params", {}), **params}
    if memory is not None:
        data["memory"] = memory
    if vcpus is not None:
        data["amplify"] = {**data.get("amplify", {}), "vcpus": vcpus}
    _rename_own(data, source.stem, target.stem)
    _move(data, before, after)
    text = io.StringIO()
    yaml.dump(data, text)
    try:
        with target.open("x") as file:
            file.write(_remarked(text.getvalue(), remark))
    except OSError as error:
        raise SpecError(f"{target}: {error.strerror}; name another file by --out") from error
    workload = before / f"{data.get('workload')}.c"
    if workload.is_file() and before != after:
        shutil.copyfile(workload, after / workload.name)


def _rename_own(data: Any, stem: str, new: str) -> None:
    """A kernel that the file makes is called after the file."""
    expect = data.get("expect", {})
    for name in [name for name in expect if name.endswith(f"{OWN}{stem}")]:
        position = list(expect).index(name)
        expect.insert(position, f"{name.removesuffix(stem)}{new}", expect.pop(name))


def _move(data: Any, before: Path, after: Path) -> None:
    def moved(text: str) -> str:
        path = before / text
        return os.path.relpath(path, after) if path.exists() and before != after else text

    if str(data.get("scenario", "")).endswith((".yaml", ".yml")):
        data["scenario"] = moved(data["scenario"])
    kernel = data.get("kernel")
    if not isinstance(kernel, dict):
        return
    for key in ("patches", "config"):
        for at, text in enumerate(kernel.get(key, ())):
            kernel[key][at] = moved(text) if "/" in text or "." in text else text
    source = kernel.get("source", {})
    for key in ("tarball", "git", "tree"):
        if key in source:
            source[key] = moved(source[key])


def _remarked(text: str, remark: str) -> str:
    """The remark stands below the licence."""
    lines = text.splitlines(keepends=True)
    at = 1 if lines and lines[0].startswith("# SPDX") else 0
    return "".join([*lines[:at], f"# {remark}\n", *lines[at:]])
