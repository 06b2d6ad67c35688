# SPDX-License-Identifier: GPL-2.0-only
"""Packages of a Debian suite that the machine's own apt doesn't have, and that it won't have afterwards either.

The mirror is the machine's: whatever form its sources have, apt itself says what it would fetch from where, without
asking the network. What the mirror gives must be signed by the Debian archive, so it does no harm to ask one that is
no mirror of Debian. Proxies and credentials stay those of the system's configuration; hooks, pins and what is installed
have no say.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from testbed.build import apt, cache, process
from testbed.build.aptstate import AptState, folder_options, system_state, words
from testbed.build.progress import silent
from testbed.errors import BuildError

__all__ = ["mirrors", "suite_state"]

KEYRING_PACKAGE = "debian-archive-keyring"
KEYRINGS = "usr/share/keyrings"
#: One was renamed; the newer name is first.
_KEYRING_NAMES = ("debian-archive-keyring.pgp", "debian-archive-keyring.gpg")
#: What ``apt-get update --print-uris`` would fetch: 'SITE/dists/SUITE/FILE' name size
_TARGET = re.compile(r"^'(?P<site>\S+?)/dists/(?P<suite>\S+?)/(?P<file>InRelease|main/\S*)' ", re.M)
#: A list can't be emptied on the command line, hence a file that apt reads after all of the system's.
_CONF = """\
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
APT::Default-Release "";
APT::Update::Error-Mode "any";
APT::Get::AllowUnauthenticated "false";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
"""


def suite_state(suite: str) -> AptState:
    """A state of apt that knows this suite and nothing else."""
    folder = cache.cache_root() / "apt" / "suites" / suite
    (folder / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    for name, text in (("apt.conf", _CONF), ("status", "")):
        if not (folder / name).exists() or (folder / name).read_text() != text:
            cache.write_text(folder / name, text)
    options = {
        **folder_options(folder),
        "Dir::State::lists": folder / "lists",
        "Dir::State::status": folder / "status",
        "Dir::Etc::sourcelist": folder / "suite.sources",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
    }
    argv = ("-c", str(folder / "apt.conf"), *words(options))

    def fetch_lists() -> None:
        _fetch_from_any(suite, folder / "suite.sources", argv)

    return AptState(suite, folder, argv, own_lists=True, fetch_lists=fetch_lists)


def mirrors(suite: str, said: str) -> tuple[str, ...]:
    """Where to ask for the suite, by what apt said that it would fetch: the likeliest first.

    That is a site which has the suite already, else one with a whole release; those for updates come last.
    """
    suites: dict[str, set[str]] = {}
    with_main = set()
    for found in _TARGET.finditer(said):
        suites.setdefault(found["site"], set()).add(found["suite"])
        if found["file"] != "InRelease":
            with_main.add(found["site"])

    def unlikely(site: str) -> tuple[bool, bool]:
        return suite not in suites[site], not any("-" not in each for each in suites[site])

    return tuple(sorted((site for site in suites if site in with_main), key=unlikely))


def _fetch_from_any(suite: str, sources: Path, argv: Sequence[str]) -> None:
    """Write the sources file with the first mirror that has the suite; BuildError of the likeliest if none has."""
    sites = mirrors(suite, process.capture(["apt-get", "update", "--print-uris", *system_state().options]))
    log = cache.cache_root() / "logs" / f"apt-update-{suite}.log"
    first: BuildError | None = None
    for site in sites:
        for keyring in _keyrings(f"suite {suite}"):
            cache.write_text(sources, _sources_text(site, suite, keyring))
            try:
                return process.run(["apt-get", "update", "-q", *argv], log)
            except BuildError as error:
                first = first or error
                if "NO_PUBKEY" not in str(error):
                    break
    raise first or BuildError("the apt sources of this host name no mirror (nothing with a component main)")


def _sources_text(site: str, suite: str, keyring: Path) -> str:
    lines = {
        "Types": "deb",
        "URIs": site,
        "Suites": suite,
        "Components": "main",
        "Signed-By": keyring,
        "Languages": "none",
        "Targets": "Packages",
    }
    return "".join(f"{key}: {value}\n" for key, value in lines.items())


def _keyrings(step: str) -> Iterator[Path]:
    """The machine's keys of the archive, then those that the machine would get by an upgrade."""
    yield from _found(Path("/"))
    (package,) = apt.ask([KEYRING_PACKAGE], step, silent)

    def make(entry: Path) -> None:
        deb = apt.fetch(package, step, silent)
        process.pipe(["dpkg-deb", "--fsys-tarfile", deb], ["tar", "-x", "-f", "-", "-C", entry, f"./{KEYRINGS}"])

    entry, _ = cache.get_or_make("keyring", package.key, make)
    yield from _found(entry)


def _found(root: Path) -> Iterator[Path]:
    paths = (root / KEYRINGS / name for name in _KEYRING_NAMES)
    yield from [path for path in paths if path.is_file()][:1]
