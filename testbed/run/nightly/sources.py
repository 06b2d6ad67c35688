# SPDX-License-Identifier: GPL-2.0-only
"""New point releases since the last night, and the kernels of the last one that are run beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from testbed.build import Progress, newest_release, release_of
from testbed.errors import BuildError
from testbed.spec import AptSource, KernelSpec

__all__ = ["News", "look_up", "twins"]


@dataclass(frozen=True)
class News:
    """The source of a kernel has another release now; ``twin`` is the kernel as it was."""

    kernel: str
    was: str
    now: str

    @property
    def twin(self) -> str:
        """The name under which the kernel of the last night runs beside this one."""
        base, plus, flavours = self.kernel.partition("+")
        return f"{base}@{self.was}{plus}{flavours}"


def look_up(specs: Sequence[KernelSpec], last: Mapping[str, str], progress: Progress) -> list[News]:
    """Ask the archive what it offers now, once for each package.

    ``last`` gives the source version that a kernel had in the last night, where there was one. What the archive can't
    tell is no news: the build will say why.
    """
    sources = {spec.source for spec in specs if isinstance(spec.source, AptSource) and spec.source.release is None}
    now = {}
    for source in sorted(sources, key=lambda source: source.package):
        try:
            now[source] = newest_release(source, f"source {source.package}", progress)
        except BuildError as error:
            progress(f"source {source.package}", str(error).partition("\n")[0])
    return [
        News(spec.name, was, now[spec.source])
        for spec in specs
        if spec.source in now and (was := release_of(last.get(spec.name, ""))) and was != now[spec.source]
    ]


def twins(kernels: Sequence[str], news: Sequence[News]) -> tuple[str, ...]:
    """Give the kernels to run: those that have a new source are followed by themselves as they were."""
    before = {each.kernel: each.twin for each in news}
    return tuple(name for kernel in kernels for name in (kernel, before.get(kernel)) if name is not None)
