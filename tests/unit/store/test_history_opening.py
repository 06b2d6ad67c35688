# SPDX-License-Identifier: GPL-2.0-only
"""Opening a database: its version, who else is there, and what is refused."""

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from nights import night
from sqlalchemy import text

from testbed.errors import HostError, SpecError
from testbed.store.history import open_history
from testbed.store.history.database import Database
from testbed.store.history.migrate import VERSION_TABLE
from testbed.store.history.tables import Base

OPENER = """
import sys
from testbed.store.history import open_history
print("ready", flush=True)
sys.stdin.readline()
with open_history(sys.argv[1]) as history:
    print(history.runs())
"""


def test_migrations_make_the_tables_that_the_code_knows(url: str) -> None:
    with open_history(url):
        pass
    with Database.of(url).reading() as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True, "compare_server_default": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata) == []


def test_processes_that_open_a_new_database_at_once_all_succeed(url: str) -> None:
    openers = [
        subprocess.Popen(
            [sys.executable, "-c", OPENER, url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for opener in openers:
        assert opener.stdout and opener.stdout.readline() == "ready\n"
    for opener in openers:
        assert opener.stdin
        opener.stdin.write("\n")
        opener.stdin.flush()
    ends = [opener.communicate(timeout=100) for opener in openers]
    assert [(opener.returncode, out) for opener, (out, _) in zip(openers, ends, strict=True)] == [(0, "[]\n")] * 3, ends


def test_database_of_a_newer_testbed_is_refused_and_left_alone(url: str) -> None:
    with open_history(url):
        pass
    database = Database.of(url)
    with database.writing() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    words = r"written by a newer testbed \(its tables are of version 9999, this one knows"
    with pytest.raises(SpecError, match=words), open_history(url):
        pass
    with database.reading() as connection:
        assert connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}")) == "9999"


def test_database_of_another_program_is_refused_and_left_alone(url: str) -> None:
    database = Database.of(url)
    with database.writing() as connection:
        connection.execute(text("CREATE TABLE runs (distance INTEGER)"))
    with pytest.raises(SpecError, match=r"holds tables of another program \(runs\)"), open_history(url):
        pass
    with database.reading() as connection:
        assert list(connection.execute(text("SELECT distance FROM runs"))) == []


def test_history_can_be_opened_and_read_while_somebody_writes(url: str, tmp_path: Path) -> None:
    with open_history(url) as history:
        history.import_run(night(tmp_path, 0))
    with Database.of(url).writing() as connection:
        connection.execute(text("UPDATE runs SET planned = 1000"))
        with open_history(url) as history:
            assert [row.planned for row in history.runs()] == [4]


def test_sqlite_waits_for_writers_and_watches_over_references(tmp_path: Path) -> None:
    with Database.of(f"sqlite:///{tmp_path}/history.sqlite").reading() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1
        assert connection.scalar(text("PRAGMA busy_timeout")) == 60_000


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("history.sqlite", "this is no URL; write sqlite:///FILE or postgresql"),
        ("", "this is no URL"),
        ("sqlite://", "a history in SQLite is a file"),
        ("sqlite:///:memory:", "a history in SQLite is a file"),
        ("sqlite:////nowhere/at/all.sqlite", "there is no folder /nowhere/at"),
        ("mysql://root:geheim@host/db", "no history is kept in mysql; write"),
        ("postgresql+asyncpg://root:geheim@host/db", "no history is kept in postgresql[+]asyncpg; write"),
        ("postgresql+psycopg://root:geheim@host", "no database is named"),
        ("postgresql+psycopg://root@host:geheim/db", "this is no URL"),
        ("postgresql+psycopg://root:4@geheim@host/db", "there is an @ in the host"),
        ("postgresql+psycopg://root:geheim@host/db?plugin=x", "plugins of SQLAlchemy are not"),
    ],
)
def test_bad_url_is_refused_in_one_line_without_its_password(url: str, words: str) -> None:
    with pytest.raises(SpecError, match=rf"^--db\b.*{words}") as refused, open_history(url):
        pass
    assert "geheim" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_server_that_does_not_answer_is_told_in_one_line_without_the_password() -> None:
    pytest.importorskip("psycopg")
    url = "postgresql+psycopg://root:geheim@127.0.0.1:1/history?password=geheim"
    words = r"^--db postgresql\+psycopg://root@127.0.0.1:1/history: .*refused"
    with pytest.raises(HostError, match=words) as refused, open_history(url):
        pass
    assert "geheim" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_driver_that_is_not_installed_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    words = r"PostgreSQL needs psycopg; pip install 'testbed\[postgresql\]'"
    with pytest.raises(HostError, match=words), open_history("postgresql+psycopg://root@host/db"):
        pass


def test_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("the quick brown fox " * 100)
    with pytest.raises(SpecError, match=r"notes\.txt: the file is no database"), open_history(f"sqlite:///{file}"):
        pass
    assert file.read_text() == "the quick brown fox " * 100
