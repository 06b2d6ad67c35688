# SPDX-License-Identifier: GPL-2.0-only
"""From a cell of a run to a bundle and back, with images that nobody boots."""

import hashlib
import io
import json
import os
import random
import shlex
import tarfile
import time
from dataclasses import replace
from pathlib import Path

import pytest
import run_records
import zstandard
from typer.testing import CliRunner

from testbed.build.cpio import Archive
from testbed.build.series import patchset_hash
from testbed.cli.app import app
from testbed.errors import SpecError
from testbed.run.bundle.again import opened_bundle
from testbed.run.bundle.pack import BUNDLE, bundle_name, pack
from testbed.run.bundle.reread import cell_of
from testbed.run.bundle.signs import bug_of
from testbed.run.bundle.stored import store_cell, stored
from testbed.run.plan import Cell
from testbed.spec import (
    Amplify,
    BoundScenario,
    BugSpec,
    CrashSign,
    Gap,
    GuestSpec,
    KernelSpec,
    Outcome,
    Sign,
    TreeSource,
)
from testbed.spec.expectation import parse_expectation
from testbed.store.bundle import Member, unpack_bundle, write_bundle
from testbed.store.folder import RunFolder

PHASES = ("start", "peak", "after")
KERNEL, GUEST = "ab" * 32, "cd" * 32
CONFIG, PATCHES = b"CONFIG_X=y\n", {"0001-a.patch": b"one\n", "0002-b.patch": b"two\n", "planted.patch": b"three\n"}


def conditions(*texts: str):
    return tuple(parse_expectation(text, PHASES, "here") for text in texts)


def cell(**more) -> Cell:
    scenario = BoundScenario(
        name="benign/server",
        label="benign/server:span=1GiB",
        kind="benign",
        scale="small",
        guest="minimal",
        workload="server",
        argv=("--span=1073741824",),
        params={"span": 1 << 30, "press": "knob"},
        env={"LD_PRELOAD": "libx.so"},
        phases=PHASES,
        memory_bytes=2 << 30,
        deadline_s=30.0,
        may_die=False,
        expect={"vanilla-*": conditions("after.vmpte_kb >= 0.9 * peak.vmpte_kb", "after.left_over.pte<=16")},
        known_gap={"vanilla-*": Gap(conditions("after.vmpte_kb <= 1"), "not done", "here")},
        where="here",
    )
    kernel = KernelSpec("vanilla-6.12", TreeSource(Path("/nonexistent")), None, (), "", "here")
    guest = GuestSpec("minimal", 1 << 30, 1, 4, ("libx",), "here")
    return Cell(kernel, guest, replace(scenario, **more), 1)


def bug() -> BugSpec:
    found = bug_of(cell(), run_records.cell(verdict="pass", phases={}))
    return replace(
        found,
        name="bugs/it",
        title="It's a bug",
        report="<id@host>",
        signs=(
            Sign(metrics=conditions("after.vmpte_kb > 1000", "exit.status == 0")),
            Sign(crash=CrashSign("kasan", "use-after-free", None)),
            Sign(said="lost"),
        ),
        attempts=7,
        amplify=Amplify(vcpus=4, host_cpus=2, udelay={"zap_pte_range": 50}, icount=(0, 1, 2)),
        outcomes={"vanilla-6.12": Outcome("reproduced"), "ptreclaim-*": Outcome("gone", "a gap")},
    )


def same(one: Cell, other: Cell) -> bool:
    return json.loads(json.dumps(stored(one))) == json.loads(json.dumps(stored(other)))


@pytest.fixture
def cached(tmp_path, monkeypatch) -> Path:
    """A cache with a kernel and a guest."""
    cache = tmp_path / "cache"
    monkeypatch.setenv("TESTBED_CACHE", str(cache))
    kernel, guest = cache / "kernel" / KERNEL, cache / "guest" / GUEST
    (kernel / "patches").mkdir(parents=True)
    for name, data in {"bzImage": b"bz", "vmlinux": b"elf", "config": CONFIG, "config.requested": b"asked\n"}.items():
        (kernel / name).write_bytes(data)
    for name, data in PATCHES.items():
        (kernel / "patches" / name).write_bytes(data)
    facts = {**run_records.KERNELS["vanilla-6.12"], "config_hash": hashlib.sha256(CONFIG).hexdigest()}
    facts["patches"] = ["0001-a.patch", "0002-b.patch", "planted.patch"]
    facts["patchset_hash"] = patchset_hash([kernel / "patches" / name for name in facts["patches"]])
    (kernel / "kernel.json").write_text(json.dumps(facts))
    image(guest, b"... opt/testbed/run ...")
    for name, text in {
        "workloads/server.c": '#include "tb-press.h"\n#include <stdio.h>\n',
        "workloads/tb-press.h": ' # include "tb.h"\n',
        "workloads/tb.h": "",
        "workloads/other.c": "",
        "agent/main.c": "int main;\n",
    }.items():
        path = guest / "sources" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return cache


def image(guest: Path, agent: bytes) -> None:
    guest.mkdir(parents=True, exist_ok=True)
    archive = Archive()
    archive.file("init", agent, 0o755)
    archive.file("workloads/server", b"\x7fELF server", 0o755)
    archive.write(guest / "initramfs.cpio.gz")


def run_of(tmp_path: Path, what: Cell, record: dict, out: str = "runs") -> tuple[RunFolder, str]:
    """A run of one cell as it is left."""
    record = {**record, "cell": what.name}
    key = {"vanilla-6.12": {**run_records.KERNELS["vanilla-6.12"], "key": KERNEL}}
    header = {**run_records.run_of(record, kernels=key, guests={"minimal": {"key": GUEST}}), "host": {"name": "h"}}
    folder = RunFolder.create(tmp_path / out, header)
    files = folder.attempt(what.name)
    store_cell(what, files)
    (files / "console.log").write_bytes(b"<4>[    1.000000] hello\r\n")
    (files / "samples.jsonl").write_text("{}\n")
    (files / "census-after.npz").write_bytes(b"large")
    argv = ["qemu-system-x86_64", "-kernel", f"{tmp_path}/cache/kernel/k/bzImage", "-initrd", f"{tmp_path}/i.cpio.gz"]
    argv += ["-append", "console=ttyS0 watchdog_thresh=30 udelay=x", "-chardev", f"pipe,id=c,path={tmp_path}/a,,b/c"]
    argv += ["-qmp", f"unix:{tmp_path}/s/qmp,server=on", "-icount", "shift=1"]
    (files / "qemu.argv").write_text(shlex.join(argv) + "\n")
    folder.append(record)
    return folder, what.name


def bundle(tmp_path: Path, what: Cell | None = None, record: dict | None = None) -> Path:
    folder, name = run_of(tmp_path, what or replace(cell(), bug=bug()), record or run_records.cell(phases={}))
    path, size = pack(folder, name, tmp_path / "b.tar.zst")
    assert path.stat().st_size == size
    return path


def unpacked(path: Path, into: Path) -> Path:
    into.mkdir()
    return unpack_bundle(path, into)


def remade(path: Path, tmp_path: Path, **changed) -> Path:
    """A bundle with some files changed (None: taken out) and sums that hold."""
    top = unpacked(path, tmp_path / "remade")
    files = {str(each.relative_to(top)): each.read_bytes() for each in top.rglob("*") if each.is_file()}
    del files["SHA256SUMS"]
    files |= {name.replace("__", "."): data for name, data in changed.items()}
    members = {name: Member(data) for name, data in files.items() if data is not None}
    write_bundle(tmp_path / "remade.tar.zst", "b", members)
    return tmp_path / "remade.tar.zst"


def described(path: Path, tmp_path: Path) -> dict:
    return json.loads((unpacked(path, tmp_path / "described") / BUNDLE).read_text())


def test_a_cell_comes_back_from_its_json_as_it_was(tmp_path):
    for original in (cell(), replace(cell(), bug=bug()), cell(memory_bytes=None, env={}, known_gap={})):
        again = cell_of(json.loads(json.dumps(stored(original))), "here")
        assert same(original, again)
        assert again.name == original.name
        assert (again.memory_bytes, again.workload_line) == (original.memory_bytes, original.workload_line)


def test_two_bundles_of_the_same_cell_are_the_same_bytes(cached, tmp_path):
    folder, name = run_of(tmp_path, replace(cell(), bug=bug()), run_records.cell(phases={}))
    one, _ = pack(folder, name, tmp_path / "one.tar.zst")
    for path in cached.rglob("*"):
        os.utime(path, (1, 1))
    two, _ = pack(RunFolder.open(folder.path), name, tmp_path / "two.tar.zst")
    assert one.read_bytes() == two.read_bytes()


def test_a_bundle_has_all_that_it_takes_and_no_path_of_the_host(cached, tmp_path):
    top = unpacked(bundle(tmp_path), tmp_path / "x")
    assert top.name == "vanilla-6.12-minimal-benign-server-span-1GiB-1" == bundle_name(cell().name)
    names = {str(path.relative_to(top)) for path in top.rglob("*") if path.is_file()}
    assert names >= {"bzImage", "vmlinux", "config", "config.requested", "initramfs.cpio.gz", "bundle.json", "run.txt"}
    assert names >= {"reproduce.sh", "README.md", "SHA256SUMS", "console.log", "samples.jsonl", "record.json"}
    assert {name for name in names if name.startswith("workload/")} == {
        "workload/server",
        "workload/server.c",
        "workload/tb-press.h",
        "workload/tb.h",
    }
    assert "agent/main.c" in names
    assert "census-after.npz" not in names
    assert (top / "patches/series").read_text().split() == list(PATCHES)
    assert (top / "workload/server").read_bytes() == b"\x7fELF server"
    for path in top.rglob("*"):
        assert path.is_dir() or str(tmp_path).encode() not in path.read_bytes(), path
    argv = json.loads((top / BUNDLE).read_text())["argv"]
    assert argv[:5] == ["qemu-system-x86_64", "-kernel", "bzImage", "-initrd", "initramfs.cpio.gz"]


def test_the_script_has_the_shape_and_the_order_of_the_cell(cached, tmp_path):
    top = unpacked(bundle(tmp_path), tmp_path / "x")
    script = (top / "reproduce.sh").read_text()
    for line in (
        "VCPUS=1",
        "MEMORY_MIB=2048",
        "LA57=off",
        "APPEND='console=ttyS0 udelay=x'",
        "ICOUNT='0 1 2'",
        "HOST_CPUS=0-1",
        "DEADLINE_KVM_S=30",
        "DEADLINE_TCG_S=180",
        "\ttry metrics 'after.vmpte_kb > 1000' 'exit.status == 0' && return",
        "\ttry crash kasan use-after-free '' && return",
        "\ttry said lost && return",
    ):
        assert f"\n{line}\n" in script
    order = (top / "run.txt").read_text().splitlines()
    assert order[:5] == [
        "cmd=run",
        "name=benign/server:span=1GiB",
        "exec=/workloads/server",
        "arg=--span=1073741824",
        "env=LD_PRELOAD=libx.so",
    ]
    assert order[-1] == "unattended=1"


def test_readme_says_what_was_seen_and_how_to_see_it_again(cached, tmp_path):
    text = (unpacked(bundle(tmp_path), tmp_path / "x") / "README.md").read_text()
    assert text.startswith("# It's a bug\n")
    assert "Reported as: <id@host>" in text
    for words in (
        "./reproduce.sh",
        "verdict: **pass**",
        "4 levels",
        "`after.vmpte_kb > 1000` and",
        "| `console.log` |",
    ):
        assert words in text
    assert "`vmcore.zst`" not in text


def test_a_bundle_is_looked_for_on_its_own_images_and_by_its_own_signs(cached, tmp_path):
    with opened_bundle(bundle(tmp_path), None) as search:
        images = search.subject.images
        assert images.kernel.bzimage.read_bytes() == b"bz"
        assert images.kernel.build_id == run_records.KERNELS["vanilla-6.12"]["build_id"]
        assert images.guest.key == GUEST
        assert cached / "work" in images.kernel.bzimage.parents
        assert (search.bug.name, search.most) == ("bugs/it", 7)
        # the guest of an attempt has them
        wanted = replace(bug(), amplify=replace(bug().amplify, vcpus=None))
        assert stored(replace(cell(), bug=search.bug)) == stored(replace(cell(), bug=wanted))
        assert search.bug.outcome_for("vanilla-6.12").prospect == "reproduced"
        assert search.subject.scenario.params == {"span": 1 << 30, "press": "knob"}
        top = images.kernel.path
    with opened_bundle(tmp_path / "b.tar.zst", 2) as search:
        assert search.most == 2
    end = time.monotonic() + 30
    while top.is_dir() and time.monotonic() < end:  # it is removed while nobody waits
        time.sleep(0.01)
    assert not top.is_dir()


# --- a cell that is no attempt at a bug ---


def signs(verdict: str, reason: str = "", **more) -> list[str]:
    scenario = more.pop("scenario", cell())
    found = bug_of(scenario, {**run_records.cell(verdict=verdict, phases={}), "reason": reason, **more})
    return [
        " and ".join(f"{each.text}" for each in sign.metrics)
        or (f"{sign.crash.kind}: {sign.crash.title}" if sign.crash else f"said {sign.said}")
        for sign in found.signs
    ]


def test_of_a_cell_that_is_no_bug_the_verdict_is_the_sign():
    after = {"peak": {"vmpte_kb": 100}, "after": {"vmpte_kb": 100, "left_over": {"pte": 25}}}
    assert signs("pass") == ["exit.status == 0 and after.vmpte_kb >= 0.9 * peak.vmpte_kb and after.left_over.pte<=16"]
    assert signs("fail", "after.left_over.pte 25 is not <= 16", phases=after) == ["after.left_over.pte > 16"]
    assert signs("gap", phases=after) == ["after.vmpte_kb > 1"]
    crash = {**run_records.CRASH, "title": "BUG: Bad page (x) in [it]"}
    assert signs("crash", crash=crash) == [r"oops: BUG: Bad page \(x\) in \[it]"]
    assert signs("crash", "the guest shut down by itself (guest-reset)") == ["said the guest shut down by itself"]
    assert signs("hang", "late") == ["said the workload was not done in|the guest's agent sent nothing for"]
    ended = {"status": 3, "signal": None, "oom_kill": 0}
    assert signs("fail", "checks failed", exit=ended) == ["exit.status == 3"]
    killed = {"status": None, "signal": 9, "oom_kill": 0}
    assert signs("fail", "x", exit=killed) == [r"said the workload was killed \(signal 9\)"]
    assert signs("fail", "x", exit={**killed, "oom_kill": 1}) == ["exit.oom_kill >= 1"]
    assert signs("flake", first={"verdict": "hang", "reason": "late"}, reason="")[0].startswith("said the workload was")


def test_a_cell_that_could_not_be_judged_has_no_sign_and_no_bundle(cached, tmp_path):
    for verdict in ("error", "skip"):
        with pytest.raises(SpecError, match=r"nothing was seen of the kernel"):
            bundle(tmp_path / verdict, cell(), run_records.cell(verdict=verdict, phases={}))


def test_a_bundle_of_a_verdict_is_looked_for_like_one_of_a_bug(cached, tmp_path):
    record = run_records.cell(
        verdict="fail", phases={"after": {"vmpte_kb": 9, "left_over": {"pte": 25}}, "peak": {"vmpte_kb": 9}}
    )
    with opened_bundle(bundle(tmp_path, cell(), record)) as search:
        assert search.bug.name == "benign/server"
        assert [each.text for each in search.bug.signs[0].metrics] == ["after.left_over.pte > 16"]


# --- what there is no bundle of ---


def test_a_run_whose_images_are_gone_says_how_to_make_them_again(cached, tmp_path):
    folder, name = run_of(tmp_path, cell(), run_records.cell(phases={}))
    (cached / "guest" / GUEST).rename(cached / "guest" / "away")
    with pytest.raises(SpecError, match=r"guest image is gone .*; \./tb guest build minimal makes it again"):
        pack(folder, name, None)
    (cached / "kernel" / KERNEL).rename(cached / "kernel" / "away")
    with pytest.raises(SpecError, match=r"kernel is gone .*; \./tb kernel build vanilla-6\.12 makes it again"):
        pack(folder, name, None)


def test_a_guest_whose_agent_cannot_run_alone_has_no_bundle(cached, tmp_path):
    image(cached / "guest" / GUEST, b"an agent of old")
    with pytest.raises(SpecError, match="older and can't run alone; run the cell again"):
        bundle(tmp_path)


def test_a_cell_that_was_never_started_has_no_bundle(cached, tmp_path):
    folder, name = run_of(tmp_path, cell(), run_records.cell(phases={}))
    (folder.cell(name) / "cell.json").unlink()
    with pytest.raises(SpecError, match=r"has no cell\.json"):
        pack(folder, name, None)


# --- what is refused ---


def outside(folder: Path, cached: Path) -> set[Path]:
    """Give all below a folder but the cache, whose work folders are removed by a process that nobody waits for."""
    return {each for top in folder.iterdir() if top != cached for each in (top, *top.rglob("*"))}


def refused(path: Path, cached: Path) -> str:
    before = outside(path.parent, cached)
    with pytest.raises(SpecError) as problem, opened_bundle(path):
        pass
    said = str(problem.value)
    assert said.startswith(f"{path}: ")
    assert "\n" not in said
    assert outside(path.parent, cached) == before
    return said


def test_a_bundle_that_was_tampered_with_is_refused(cached, tmp_path):
    path = bundle(tmp_path)
    tar = bytearray(zstandard.ZstdDecompressor().decompress(path.read_bytes()))
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        script = archive.getmember("vanilla-6.12-minimal-benign-server-span-1GiB-1/reproduce.sh")
    tar[script.offset_data + 100] ^= 1
    path.write_bytes(zstandard.compress(bytes(tar)))
    assert "'reproduce.sh' is not what SHA256SUMS says" in refused(path, cached)


@pytest.mark.parametrize("schema", [0, 2, "1", None, True, [1]])
def test_a_bundle_of_another_schema_is_refused(schema, cached, tmp_path):
    path = bundle(tmp_path)
    data = {**described(path, tmp_path), "schema": schema}
    if schema is True:
        data["schema"] = 1.5
    assert "is of schema" in refused(remade(path, tmp_path, bundle__json=json.dumps(data).encode()), cached)


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b"null", b"\xff", b"[" * 100_000, b'"x"'])
def test_a_bundle_whose_description_is_none_is_refused(text, cached, tmp_path):
    assert "bundle.json" in refused(remade(bundle(tmp_path), tmp_path, bundle__json=text), cached)


def test_a_bundle_without_an_image_is_refused(cached, tmp_path):
    assert "bzImage is not in the bundle" in refused(remade(bundle(tmp_path), tmp_path, bzImage=None), cached)


def test_a_config_or_patches_that_are_not_the_kernels_are_refused(cached, tmp_path):
    path = bundle(tmp_path)
    assert "config_hash" in refused(remade(path, tmp_path, config=b"CONFIG_Y=y\n"), cached)
    for number, series in enumerate(
        (b"0002-b.patch\n0001-a.patch\nplanted.patch\n", b"", b"../../etc/passwd\n", b"/x\n")
    ):
        (tmp_path / str(number)).mkdir()
        evil = remade(path, tmp_path / str(number), **{"patches/series": series})
        assert "patch" in refused(evil, cached)


def places(value, path=()):
    """Give every place in a JSON value."""
    yield path
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(item, (*path, key))


def with_value(data, path, value):
    if not path:
        return value
    copy = data.copy()
    copy[path[0]] = with_value(data[path[0]], path[1:], value)
    return copy


def test_a_description_with_wrong_types_anywhere_is_refused_or_means_the_same_kind_of_thing():
    """Whatever stands at whatever place: a cell, or a SpecError in one line, and nothing else."""
    data, dice = json.loads(json.dumps(stored(replace(cell(), bug=bug())))), random.Random(20261124)
    odd = (
        None,
        -1,
        1 << 80,
        1.5,
        True,
        "",
        "../../x",
        "a\nb",
        "x" * 100_000,
        [],
        {},
        [[]],
        {"x": {}},
        "(",
        "after.x > 1",
    )
    refusals = 0
    for path in places(data):
        for value in dice.sample(odd, 6):
            try:
                found = cell_of(with_value(data, path, value), "b: cell")
            except SpecError as problem:
                refusals += 1
                assert str(problem).startswith("b: cell: ")
                assert "\n" not in str(problem)
            else:
                assert ".." not in found.name.split("/")
                assert "\n" not in found.workload_line
    assert refusals > 100


def test_names_that_would_become_paths_are_refused():
    data = json.loads(json.dumps(stored(cell())))
    for path in (("kernel",), ("guest", "name"), ("scenario", "label"), ("scenario", "workload")):
        for value in ("../x", "/x", "a/../b", "", "a\0b", "a\nb", "."):
            with pytest.raises(SpecError, match="b: cell: "):
                cell_of(with_value(data, path, value), "b: cell")


def test_the_command_refuses_a_bad_bundle_before_anything_is_started(cached, tmp_path):
    path = bundle(tmp_path)
    path.write_bytes(path.read_bytes()[:-1])
    done = CliRunner().invoke(app, ["reproduce", str(path), "--out", str(tmp_path / "none")])
    assert isinstance(done.exception, SpecError)
    assert str(done.exception) == f"{path}: refused: is cut off"
    assert not (tmp_path / "none").exists()
