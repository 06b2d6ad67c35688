# SPDX-License-Identifier: GPL-2.0-only
"""``tb kernel``."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from testbed.build import build_kernel, checkout_kernel, export_series, verify_kernel
from testbed.cli.output import emit, rows, say
from testbed.cli.progress import shown
from testbed.cli.where import checkout_root
from testbed.run.bootcheck import boot_check
from testbed.spec import load_kernels, resolve_kernel

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)

Names = Annotated[list[str], typer.Argument(help="Kernels of kernel/kernels.yaml, e.g. ptreclaim-6.12+debug.")]
Name = Annotated[str, typer.Argument(help="A kernel of kernel/kernels.yaml.")]
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]


@app.command(name="list")
def list_(json_: Json = False) -> None:
    """List the kernels that can be built."""
    kernels = load_kernels(checkout_root()).values()
    if json_:
        emit([{"name": spec.name, "series": spec.series, "why": spec.why} for spec in kernels])
        return
    rows(("kernel", "series", "why"), [(spec.name, spec.series or "-", spec.why) for spec in kernels])


@app.command()
def build(names: Names, json_: Json = False) -> None:
    """Build kernels, or find them in the cache."""
    root = checkout_root()
    specs = [resolve_kernel(root, name) for name in names]
    for spec in specs:
        with shown() as progress:
            image = build_kernel(root, spec, progress)
        if json_:
            emit(asdict(image))
        else:
            say(f"{spec.name}: {image.release}, {'cached' if image.cached else 'built'}: {image.path}")


@app.command()
def verify(
    name: Name,
    each_patch: Annotated[bool, typer.Option("--each-patch", help="Build and boot the series patch by patch.")] = False,
    json_: Json = False,
) -> None:
    """Check a series: applies with no fuzz, checkpatch --strict, the config asked for is the one built."""
    root = checkout_root()
    spec = resolve_kernel(root, name)
    with shown() as progress:
        boot = boot_check(root, progress) if each_patch else None
        report = verify_kernel(root, spec, progress, each_patch=each_patch, boot=boot)
    for check in report.checks:
        if json_:
            emit({"kernel": report.kernel, "what": check.what, "ok": not check.problem, "problem": check.problem})
        else:
            say(f"FAIL {check.what}: {check.problem}" if check.problem else f"ok   {check.what}")
    raise typer.Exit(0 if report.ok else 1)


@app.command()
def checkout(name: Name, folder: Annotated[Path, typer.Argument(help="A folder that does not exist yet.")]) -> None:
    """Make a git tree with the kernel's source and its series as commits."""
    root = checkout_root()
    with shown() as progress:
        checkout_kernel(root, resolve_kernel(root, name), folder, progress)
    say(f"{name}: {folder}; commit there, then: ./tb kernel export {folder}")


@app.command()
def export(folder: Annotated[Path, typer.Argument(help="A tree made by kernel checkout.")]) -> None:
    """Write the commits of a checked-out tree back to kernel/series/."""
    done = export_series(checkout_root(), folder)
    changed, removed = set(done.changed), set(done.removed)
    say(f"{done.folder}: {len(done.patches)} patches, {len(changed)} changed, {len(removed)} removed")
    for patch in (*done.changed, *done.removed):
        say(f"  {'removed' if patch in removed else 'changed'}: {patch}")
