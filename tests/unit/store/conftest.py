# SPDX-License-Identifier: GPL-2.0-only
"""Both databases for the tests of history; PostgreSQL is a server of our own, on a Unix socket in a private folder."""

import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

STARTUP_S = 60
# nothing here must outlive a loss of power
QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "16MB"}


def server_programs() -> Path:
    """Debian keeps them by version, outside of PATH."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    on_path = shutil.which("initdb")
    if on_path:
        found.append(Path(on_path).resolve().parent)
    if not found:
        pytest.skip(
            "no PostgreSQL server here: no initdb in /usr/lib/postgresql/*/bin (Debian: apt install postgresql)"
        )
    return max(found, key=lambda path: [int(digits) for digits in re.findall(r"\d+", str(path))])


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """Start a server; gives the folder of its socket, where ``postgres`` may do all."""
    programs = server_programs()
    if importlib.util.find_spec("psycopg") is None:
        pytest.skip("no psycopg here: pip install 'testbed[postgresql]'")
    folder = Path(tempfile.mkdtemp(prefix="tb-pg-"))  # pytest's own folders are closed to other users
    become: list[str] = []
    if os.geteuid() == 0:  # the server refuses to be root
        try:
            user = pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("root can't run a PostgreSQL server, and there is no user postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
        become = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"]
    data = folder / "data"
    make = ["initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    subprocess.run([*become, programs / make[0], *make[1:]], check=True, capture_output=True, cwd=folder)
    settings = {**QUICK, "listen_addresses": "", "unix_socket_directories": folder}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen([*become, programs / "postgres", "-D", data, *options], stderr=log, cwd=folder)
    try:
        until = time.monotonic() + STARTUP_S
        while subprocess.run([programs / "pg_isready", "-q", "-h", folder], check=False).returncode != 0:
            assert server.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < until, (folder / "log").read_text()
            time.sleep(0.05)
        yield str(folder)
    finally:
        server.send_signal(signal.SIGQUIT)  # at once: nothing is to be kept
        server.wait(STARTUP_S)
        shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables (PostgreSQL) or not there yet (SQLite)."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/history.sqlite"
    folder = request.getfixturevalue("postgresql")
    import psycopg

    with psycopg.connect(host=folder, user="postgres", autocommit=True) as connection:
        # as good as a database of its own, and much quicker to make
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return f"postgresql+psycopg://postgres@/postgres?host={folder}"
