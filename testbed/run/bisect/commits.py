# SPDX-License-Identifier: GPL-2.0-only
"""A bisection over the commits of a git tree, by git's own ``bisect``: merges and skips are its business."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from testbed.build import Progress, process
from testbed.errors import BuildError, SpecError
from testbed.judge.linesearch import Answer, Found, Lost, bits
from testbed.run.bisect.ground import Candidate, Ground
from testbed.run.reproduce.subject import Subject
from testbed.spec import GitSource

__all__ = ["GitSearch", "clone_of", "commit_ground"]

ABBREVIATED = 12
#: Exit status of ``git bisect`` where nothing but skipped commits is left.
ONLY_SKIPPED = 2
#: No user's settings, and messages that can be read.
_PLAIN = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "LC_ALL": "C"}


@dataclass(frozen=True)
class GitSearch:
    """A strategy whose candidates are commits, by all 40 digits; ``clone`` is ours alone.

    Each time, what is known is told to git anew: its state is that of ``git bisect start --no-checkout`` and a replay.
    """

    clone: Path
    good_end: str
    bad_end: str

    def next(self, known: Mapping[str, Answer]) -> str | Found | Lost:
        """Give the commit of BISECT_HEAD, or what git has found; BuildError where git itself fails."""
        first = _last_bad(known)
        for good, answer in known.items():
            if answer == "good" and self._is_in(first, good):
                return Lost(f"{first[:ABBREVIATED]} has the bug and {good[:ABBREVIATED]}, which has it in it, has not")
        # the ends are told like all others: a start that names them fails where a merge base is to be looked at
        lines = ["start --no-checkout", *(f"{answer} {commit}" for commit, answer in known.items())]
        replayed = self.clone / "tb-replay"
        replayed.write_text("".join(f"git bisect {line}\n" for line in lines))
        status, said = self._try("bisect", "replay", str(replayed))
        if status not in (0, ONLY_SKIPPED):
            raise BuildError(f"git bisect: {said.strip()}")
        log = self._git("bisect", "log")
        if found := re.search(r"^# first bad commit: \[(\w+)\]", log, re.M):
            return Found(found[1], self._good_before(found[1], known))
        possible = re.findall(r"^# possible first bad commit: \[(\w+)\]", log, re.M)
        if status == ONLY_SKIPPED:
            between = [commit for commit in self._in_order(possible) if commit != first]
            return Found(first, self._good_before((between or [first])[0], known), tuple(between))
        return self._git("rev-parse", "BISECT_HEAD")

    def left(self, known: Mapping[str, Answer]) -> int:
        """Give the halvings of what is neither known to be good nor to have the bug."""
        bad = _last_bad(known)
        good = [commit for commit, answer in known.items() if answer == "good"]
        return bits(int(self._git("rev-list", "--count", bad, "--not", *good)))

    def subject(self, commit: str) -> str:
        """Give the first line of a commit's message."""
        return self._git("log", "-1", "--format=%s", commit)

    def _good_before(self, commit: str, known: Mapping[str, Answer]) -> tuple[str, ...]:
        """For each parent the commit that was looked at and tells that the parent is good: itself, or one after it."""
        good = [each for each, answer in known.items() if answer == "good"]
        found = []
        for parent in self._git("rev-list", "--parents", "-1", commit).split()[1:]:
            after = [each for each in good if self._is_in(parent, each)]
            found += [parent] if parent in good else after[-1:]
        return tuple(dict.fromkeys(found)) or (self.good_end,)

    def _is_in(self, commit: str, other: str) -> bool:
        return self._try("merge-base", "--is-ancestor", commit, other)[0] == 0

    def _in_order(self, commits: list[str]) -> list[str]:
        """Ancestors first: they have fewer of them."""
        return sorted(commits, key=lambda commit: int(self._git("rev-list", "--count", commit)))

    def _git(self, *words: str) -> str:
        return process.capture(["git", "-C", self.clone, *words], env={**os.environ, **_PLAIN}).strip()

    def _try(self, *words: str) -> tuple[int, str]:
        return process.attempt(["git", "-C", self.clone, *words], env={**os.environ, **_PLAIN})


def _last_bad(known: Mapping[str, Answer]) -> str:
    """Each that is looked at comes before the one that had the bug last."""
    return [commit for commit, answer in known.items() if answer == "bad"][-1]


def clone_of(repository: str, folder: Path, progress: Progress) -> Path:
    """Make a bare clone that a search may write to: of a folder it shares all objects, of a URL it has commits alone.

    SpecError where git can't read the repository.
    """
    progress("bisect", f"clone {repository}")
    clone = folder / "bisect.git"
    how = ["--shared"] if Path(repository).is_dir() else ["--filter=tree:0"]
    try:
        process.capture(["git", "clone", "-q", "--bare", *how, repository, clone], env={**os.environ, **_PLAIN})
    except BuildError as error:
        raise SpecError(f"--git {repository}: can't be cloned: {str(error).splitlines()[-1].strip()}") from error
    return clone


def commit_ground(clone: Path, repository: str, subject: Subject, good: str, bad: str) -> Ground:
    """Give the ground between two revisions; each candidate is the subject's kernel with a commit as its source.

    No series and no patches go on top of it. SpecError for a revision that is not there.
    """
    # a folder knows names that the clone does not, such as those of its remotes
    known_by = Path(repository) if Path(repository).is_dir() else clone
    ends = [_resolved(known_by, option, rev) for option, rev in (("--good", good), ("--bad", bad))]
    if ends[0] == ends[1]:
        raise SpecError(f"--good {good} --bad {bad}: one and the same commit; there is nothing to search")
    search = GitSearch(clone, *ends)
    base = subject.kernel

    def candidate(commit: str) -> Candidate:
        kernel = replace(
            base,
            name=f"{base.name}~{commit[:ABBREVIATED]}",
            source=GitSource(repository, commit),
            series=None,
            patches=(),
        )
        name = f"{commit[:ABBREVIATED]} ({search.subject(commit)})"
        return Candidate(commit, name, replace(subject, kernel=kernel))

    return Ground(f"commits of {repository}", search, candidate)


def _resolved(repository: Path, option: str, rev: str) -> str:
    status, said = process.attempt(["git", "-C", repository, "rev-parse", "--verify", "-q", f"{rev}^{{commit}}"])
    if status:
        raise SpecError(f"{option} {rev}: no commit of that name there")
    return said.strip()
