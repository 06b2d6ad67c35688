# SPDX-License-Identifier: GPL-2.0-only
"""Point releases of a kernel source in the Debian archive: the one of now, and those that were used before.

The archive keeps a few versions of a source and then drops them. What was unpacked here stays in the cache, so a
release can be built beside its successor, by its own number.
"""

import re
from collections.abc import Callable
from functools import partial

from testbed.build import apt, cache
from testbed.build.apt import Package
from testbed.build.aptstate import AptState, system_state
from testbed.build.progress import Progress
from testbed.build.suite import suite_state
from testbed.errors import BuildError, SourceUnavailable
from testbed.spec import AptSource

__all__ = ["apt_state", "choose", "newest_release", "release_of"]


def apt_state(spec: AptSource) -> Callable[[], AptState]:
    """Give the state of apt that knows the source."""
    return partial(suite_state, spec.suite) if spec.suite else system_state


def release_of(version: str) -> str:
    """Give the kernel's release of a package's version: ``6.12.117`` of ``6.12.117-1~deb12u1``."""
    found = re.match(r"(?:\d+:)?(\d+(?:\.\d+)*)", version)
    return found[1] if found else version


def newest_release(spec: AptSource, step: str, progress: Progress) -> str:
    """Ask the archive anew and give the release that it offers now; of the lists of before where it can't be reached.

    BuildError where nothing is known of the package.
    """
    state = apt_state(spec)
    try:
        state().update(step, progress, "to see whether there is a new point release")
    except BuildError as error:
        progress(step, f"the archive can't be asked ({apt.reason(error)}); goes on with what is known")
    (package,) = apt.ask([spec.package], step, progress, state)
    return release_of(package.version)


def choose(spec: AptSource, step: str, progress: Progress) -> Package:
    """Give the package that the source means, and remember it: the one of now, or the one of its release.

    BuildError where nothing is known of it; SourceUnavailable where that release is neither in the archive nor here.
    """
    if spec.release is None:
        (chosen,) = apt.ask([spec.package], step, progress, apt_state(spec))
    else:
        chosen = _kept(spec) or _offered(spec, step, progress)
    others = [package for package in _remembered(spec) if package != chosen]
    if [*others, chosen] != _remembered(spec):
        cache.record(_fact(spec), [vars(package) for package in (*others, chosen)])
    return chosen


def _kept(spec: AptSource) -> Package | None:
    """Give the package of the release, if it was unpacked here before."""
    for package in reversed(_remembered(spec)):
        if release_of(package.version) == spec.release and cache.look_up("source", package.key):
            return package
    return None


def _offered(spec: AptSource, step: str, progress: Progress) -> Package:
    state = apt_state(spec)
    (newest,) = apt.ask([spec.package], step, progress, state)  # sees to it that there are lists
    offered = apt.versions(spec.package, state)
    found = [version for version in (newest.version, *offered) if release_of(version) == spec.release]
    if not found:
        have = ", ".join(dict.fromkeys(release_of(version) for version in (newest.version, *offered)))
        raise SourceUnavailable(f"{step}: {spec.package} {spec.release} can't be had: the archive has {have}")
    (package,) = apt.ask([f"{spec.package}={found[0]}"], step, progress, state)
    return package


def _remembered(spec: AptSource) -> list[Package]:
    return [Package(**entry) for entry in cache.recorded(_fact(spec)) or ()]


def _fact(spec: AptSource) -> str:
    return f"releases-{spec.package}"
