# SPDX-License-Identifier: GPL-2.0-only
"""Run the tools of a build: argv lists, output to a log file, and no child that outlives us.

Each tool gets a session of its own, so that a Ctrl-C at the terminal reaches only us and we end the whole group.
``setpriv --pdeathsig`` covers the death that we can't see coming: a tool whose parent is killed gets SIGTERM, and
make passes that on to what it started.
"""

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from testbed.errors import BuildError, HostError

__all__ = ["attempt", "capture", "pipe", "run"]

Argv = Sequence[str | Path]
#: Where the Debian package is not named after its tool.
_PACKAGE = {
    "addr2line": "binutils",
    "apt-get": "apt",
    "dpkg-deb": "dpkg",
    "ld": "binutils",
    "readelf": "binutils",
    "xz": "xz-utils",
}
LAST_LINES = 25
MOST_ERRORS = 5


def run(
    argv: Argv,
    log: Path,
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    on_line: Callable[[str], None] | None = None,
) -> None:
    """Run one tool, append its output to ``log``, and raise BuildError with the last lines if it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", buffering=1, errors="replace") as stream:
        stream.write(f"$ {shlex.join(map(str, argv))}\n")
        stream.flush()
        start = stream.tell()
        with _started(argv, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as child:
            assert child.stdout
            for raw in child.stdout:
                line = raw.decode(errors="replace")
                stream.write(line)
                if on_line:
                    on_line(line.rstrip("\n"))
            status = child.wait()
    if status:
        with log.open(errors="replace") as stream:
            stream.seek(start)
            said = stream.read()
        raise BuildError(f"{_failed(argv, status)}; whole log in {log}\n{_last_lines(said)}")


def capture(argv: Argv, *, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """What a tool prints on stdout; BuildError with what it says on stderr if it fails."""
    with _started(argv, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        out, err = child.communicate()
    if child.returncode:
        raise BuildError(f"{_failed(argv, child.returncode)}\n{_last_lines(err.decode(errors='replace'))}".rstrip())
    return out.decode(errors="replace")


def attempt(argv: Argv, *, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Exit status and all output of a tool that may well fail."""
    with _started(argv, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as child:
        out, _ = child.communicate()
    return child.returncode, out.decode(errors="replace")


def pipe(*stages: Argv, cwd: Path | None = None) -> None:
    """Run tools as a pipe, the first reading nothing; BuildError names every one that failed."""
    with ExitStack() as stack:
        children: list[subprocess.Popen[bytes]] = []
        errors = [stack.enter_context(tempfile.TemporaryFile()) for _ in stages]
        for number, (argv, error) in enumerate(zip(stages, errors, strict=True)):
            last = number == len(stages) - 1
            before = children[-1].stdout if children else subprocess.DEVNULL
            after = subprocess.DEVNULL if last else subprocess.PIPE
            child = stack.enter_context(_started(argv, cwd=cwd, stdin=before, stdout=after, stderr=error))
            if children and children[-1].stdout:
                children[-1].stdout.close()  # the new child has it: the one before notices if it dies
            children.append(child)
        failed = []
        for argv, child, error in zip(stages, children, errors, strict=True):
            status = child.wait()
            if status:
                error.seek(0)
                failed.append(f"{_failed(argv, status)}\n{_last_lines(error.read().decode(errors='replace'))}")
    if failed:
        raise BuildError("\n".join(reversed(failed)))


@contextmanager
def _started(argv: Argv, **how: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A running tool; whatever leaves the block takes the tool and its children along."""
    words = [str(word) for word in argv]
    if shutil.which(words[0]) is None:
        raise HostError(f"{words[0]} is not installed; mend with: apt-get install {_PACKAGE.get(words[0], words[0])}")
    if shutil.which("setpriv"):
        words = ["setpriv", "--pdeathsig", "TERM", "--", *words]
    how.setdefault("stdin", subprocess.DEVNULL)
    child = subprocess.Popen(words, start_new_session=True, **how)
    try:
        yield child
    finally:
        if child.poll() is None:
            _end(child)
        if child.stdout:
            child.stdout.close()


def _end(child: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        with suppress(subprocess.TimeoutExpired):
            child.wait(timeout=3)
            return


def _failed(argv: Argv, status: int) -> str:
    how = f"killed by signal {-status}" if status < 0 else f"exit {status}"
    return f"{' '.join(map(str, argv[:4]))}{' ...' if len(argv) > 4 else ''}: {how}"


def _last_lines(text: str) -> str:
    """The last lines, and above them a compiler's errors: make ends long after one, as other jobs go on."""
    lines = text.rstrip().splitlines()
    errors = [line for line in lines[:-LAST_LINES] if ": error: " in line][:MOST_ERRORS]
    return "\n".join(f"  {line}" for line in [*errors, *lines[-LAST_LINES:]])
