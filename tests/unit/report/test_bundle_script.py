# SPDX-License-Identifier: GPL-2.0-only
"""``reproduce.sh`` judges as the testbed does: the same deaths, the same numbers, by a shell alone."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest
from cases import CORPUS, read

from testbed.judge.crash import find_crash
from testbed.judge.signature import has_level
from testbed.report.bundle.ere import literal
from testbed.report.bundle.script import Shape, reproduce_script, unshelled
from testbed.spec import CrashSign, Sign
from testbed.spec.expectation import parse_expectation

SHAPE = Shape(
    name="vanilla-6.12/minimal/benign/it's#1",
    build_id="e7" * 20,
    levels=4,
    vcpus=1,
    la57="off",
    memory_mib=1024,
    append="console=ttyS0",
    watch_kvm="a=1",
    watch_tcg="a=2",
    icount="",
    host_cpus="",
    proof_s=1,
    boot_kvm_s=1,
    boot_tcg_s=1,
    silence_kvm_s=1,
    silence_tcg_s=1,
    deadline_kvm_s=1,
    deadline_tcg_s=1,
)
PHASES = ("start", "peak", "after")
# server-55t on vanilla-6.12: the census counted 13,936 tables of entries that are left over, and 10 above them
PEAK = {"vmpte_kb": 56464, "needed": {"pte": 14084, "pmd": 30, "pud": 2}, "ranges": {"pmd": 30, "pud": 2}}
AFTER = {"vmpte_kb": 56464, "needed": {"pte": 148, "pmd": 20, "pud": 2}, "ranges": {"pmd": 30, "pud": 2}}
EXIT = {"type": "exit", "nonce": "bundle", "status": 0, "signal": None, "oom_kill": 0, "tainted": 0, "phases": 3}


def functions(*signs: Sign) -> str:
    """Give the script without its last part, which runs guests."""
    return reproduce_script(SHAPE, signs).partition("while getopts")[0]


def sh(script: str, folder: Path) -> str:
    done = subprocess.run(["sh", "-c", script], cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.stderr == ""
    return done.stdout


def message(**fields) -> str:
    payload = json.dumps(fields, separators=(",", ":"))
    return f"TB {len(payload)} 00000000\n{payload}\n"


def left(folder: Path, *signs: Sign, console: str = "", exit_: dict | None = None, output=(), reason: str = "") -> str:
    """Give what the script says of an attempt that left this."""
    told = [
        message(type="phase", nonce="bundle", phase=phase, pid=32, settled=True, settle_ms=9, counters=counters)
        for phase, counters in (("peak", PEAK), ("after", AFTER))
    ]
    (folder / "agent.log").write_text("".join([*told, message(**EXIT, **(exit_ or {}))]))
    (folder / "console.log").write_text(console, newline="")
    (folder / "output.log").write_text("".join(f"{line}\n" for line in output))
    script = f"{functions(*signs)}\nout=. shown='' unknown='' absent='' reason={reason!r}\n"
    return sh(f'{script}\ndeath . || :\nsigns\nprintf "%s" "${{shown:+yes: $shown}}|$unknown|$absent"', folder).strip()


def metric(text: str) -> Sign:
    return Sign(metrics=(parse_expectation(text, PHASES, "here"),))


def test_every_death_of_the_corpus_has_the_same_kind_and_title_in_the_shell(tmp_path):
    cases = {}
    for case in sorted(folder for folder in CORPUS.iterdir() if folder.is_dir()):
        evidence, _ = read(case)
        crash = find_crash(evidence.console)
        if crash is not None and not any(has_level(line) for line in evidence.console.splitlines()):
            continue  # our guests' lines have levels
        if evidence.refuted:
            continue  # a program wrote to the console itself; only the kernel's log, read from outside, denies it
        (tmp_path / case.name).mkdir()
        shutil.copy(case / "console.log", tmp_path / case.name)
        (tmp_path / case.name / "agent.log").write_text("")
        cases[case.name] = (crash.kind, crash.title) if crash else None
    loop = 'for case in *; do death "$case" && printf "%s\\t" "$case" && cat "$case/death"; done; :'
    told = {
        line.split("\t")[0]: tuple(line.split("\t")[1:3])
        for line in sh(f"{functions()}\n{loop}", tmp_path).splitlines()
    }
    assert len(cases) >= 100
    assert told == {name: crash for name, crash in cases.items() if crash}


def test_a_guest_that_was_switched_off_after_its_work_did_not_die(tmp_path):
    power_down = "<0>[   13.276668][    T1] reboot: Power down\r\n"
    sign = Sign(crash=CrashSign(kind="shutdown"))
    (tmp_path / "off").mkdir()
    assert left(tmp_path, sign, console=power_down).startswith("yes: shutdown: reboot: Power down")
    (tmp_path / "agent.log").write_text(message(**EXIT) + message(type="bye"))
    assert sh(f"{functions()}\ndeath . || echo alive", tmp_path) == "alive\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("after.vmpte_kb >= 0.5 * peak.vmpte_kb", "yes: after.vmpte_kb 56464 >= 28232 (0.5 * peak.vmpte_kb)||"),
        ("after.left_over.pte > 1000", "yes: after.left_over.pte 13936..13946 > 1000||"),
        ("after.left_over.pte > 13935", "yes: after.left_over.pte 13936..13946 > 13935||"),
        ("after.left_over.pte > 13940", "|after.left_over.pte 13936..13946 may or may not be > 13940|"),
        ("after.left_over.pte <= 16", "||after.left_over.pte 13936..13946 is not <= 16"),
        ("after.left_over.pmd > 10", "||after.left_over.pmd 0..10 is not > 10"),
        ("after.left_over.pmd > 9", "|after.left_over.pmd 0..10 may or may not be > 9|"),
        ("after.left_over.p4d == 0", "yes: after.left_over.p4d 0 == 0||"),
        ("after.left_over_kb == 55784", "yes: after.left_over_kb 55784 == 55784||"),
        ("peak.left_over.pte <= 0", "yes: peak.left_over.pte 0 <= 0||"),
        ("after.needed == 148", "yes: after.needed 148 == 148||"),
        ("after.needed_levels.pmd < 20", "||after.needed_levels.pmd 20 is not < 20"),
        (
            "after.left_over.pte <= 0.02 * peak.tables.pte",
            "||after.left_over.pte 13936..13946 is not <= 281.68 (0.02 * peak.tables.pte)",
        ),
        ("after.census.pte.empty > 1", "|after.census.pte.empty is not judged here, ./tb reproduce counts it|"),
        ("start.vmpte_kb > 1", "|start.vmpte_kb was not measured|"),
        ("exit.status == 0", "yes: exit.status 0 == 0||"),
        ("exit.oom_kill >= 1", "||exit.oom_kill 0 is not >= 1"),
    ],
)
def test_numbers_are_judged_by_what_the_guest_can_tell_of_itself(text, said, tmp_path):
    assert left(tmp_path, metric(text)) == said


def test_conditions_of_a_sign_must_all_hold_and_any_sign_will_do(tmp_path):
    both = Sign(metrics=tuple(parse_expectation(t, PHASES, "") for t in ("exit.status == 0", "after.vmpte_kb > 99999")))
    assert left(tmp_path, both) == "||after.vmpte_kb 56464 is not > 99999"
    assert (
        left(tmp_path, both, metric("exit.status == 0"))
        == "yes: exit.status 0 == 0||after.vmpte_kb 56464 is not > 99999"
    )


OOPS = (
    "<1>[    2.500000][   T77] BUG: kernel NULL pointer dereference, address: 0000000000000010\r\n"
    "<4>[    2.500001][   T12] RIP: 0010:other+0x1/0x2\r\n"
    "<4>[    2.500001][   T77] RIP: 0010:zap_pte_range+0x12/0x340\r\n"
    "<4>[    2.500002][   T77]  unmap_page_range+0x1/0x2\r\n"
)


@pytest.mark.parametrize(
    ("sign", "shown"),
    [
        (CrashSign(kind="oops"), True),
        (CrashSign(title="NULL pointer dereference.* in zap_pte_range$"), True),
        (CrashSign(kind="oops", report=r"unmap_page_range\+0x"), True),
        (CrashSign(report=r"^ *unmap_page_range\+0x"), True),
        (CrashSign(kind="kasan"), False),
        (CrashSign(kind="oops", title="zap_pmd_range"), False),
        (CrashSign(kind="oops", report="free_pgtables"), False),
    ],
)
def test_a_crash_is_the_one_that_was_seen_by_kind_title_and_report(sign, shown, tmp_path):
    assert left(tmp_path, Sign(crash=sign), console=OOPS).startswith("yes: oops: BUG: ") is shown


def test_what_was_said_is_looked_for_in_output_console_and_how_it_ended(tmp_path):
    said = "contents lost: 0x7f holds [x]"
    assert left(tmp_path, Sign(said=literal(said)), output=[said]) == f"yes: said: {said}||"
    assert left(tmp_path, Sign(said="^kernel words$"), console="<4>[    1.500000][    T1] kernel words\r\n").startswith(
        "yes"
    )
    assert left(tmp_path, Sign(said=r"killed \(signal 9\)"), reason="the workload was killed (signal 9)").startswith(
        "yes"
    )
    assert left(tmp_path, Sign(said="lost"), output=["found"]) == "||nothing said lost"


def test_a_workload_cannot_sign_as_the_kernel(tmp_path):
    forged = (
        "<12>[    2.500000][   T77] Kernel panic - not syncing: said to /dev/kmsg\r\nKernel panic - not syncing: x\r\n"
    )
    assert left(tmp_path, Sign(crash=CrashSign(kind="panic")), console=forged) == "||no crash of kind panic"


def test_a_sign_that_no_shell_can_look_for_is_not_judged(tmp_path):
    sign = Sign(said=r"\bword\b")
    assert unshelled([sign, metric("exit.status == 0")]) == [
        r"'\b' has no equal in a shell's tools; ./tb reproduce can look for it"
    ]
    assert left(tmp_path, sign, output=["word"]) == f"|{unshelled([sign])[0]}|"


def test_names_and_signs_cannot_break_out_of_the_script(tmp_path):
    evil = "'; touch owned; echo '$(touch owned)`touch owned`@WHAT@\\"
    assert left(tmp_path, Sign(said=literal(evil)), output=[evil]).startswith("yes")
    assert not (tmp_path / "owned").exists()


def test_script_is_clean_by_shellcheck(tmp_path):
    if shutil.which("shellcheck") is None:
        pytest.skip("no shellcheck here (Debian: apt install shellcheck)")
    signs = [metric("exit.status == 0"), Sign(crash=CrashSign(kind="oops")), Sign(said="x"), Sign(said=r"\bx")]
    (tmp_path / "reproduce.sh").write_text(reproduce_script(SHAPE, signs))
    done = subprocess.run(["shellcheck", "-s", "sh", "reproduce.sh"], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == ""


# --- the whole script, with a QEMU that is a script too ---

FAKE_QEMU = """\
#!/bin/sh
echo "$$ $*" >>qemu.log
for word; do
    case $word in
    file,id=data,path=*) data=${word#file,id=data,path=} ;;
    file,id=console,path=*) console=${word#file,id=console,path=} ;;
    esac
done
cat told >>"$data"
cat heard >>"$console"
[ ! -e stay ] || exec sleep 1000
"""
HELLO = message(type="hello", protocol=1, release="6", build_id=SHAPE.build_id, boot_id="b\n", levels=4, vcpus=1)
AT_AFTER = message(type="phase", nonce="bundle", phase="after", pid=32, settled=True, settle_ms=9, counters=AFTER)
BYE = message(type="bye")


@pytest.fixture
def folder(tmp_path) -> Path:
    """What is unpacked of a bundle, and a QEMU that leaves what the test wants."""
    top = tmp_path / "b"
    (tmp_path / "bin").mkdir()
    top.mkdir()
    qemu = tmp_path / "bin" / "qemu-system-x86_64"
    qemu.write_text(FAKE_QEMU)
    qemu.chmod(0o755)
    (top / "run.txt").write_text("cmd=run\n")
    (top / "told").write_text("")
    (top / "heard").write_text("")
    return top


def argv_of(top: Path, *words: str) -> list[str]:
    # a job in the background has SIGINT ignored, and a shell that is started so can't trap it
    return [
        "env",
        "--default-signal=INT",
        f"PATH={top.parent / 'bin'}:{os.environ['PATH']}",
        "sh",
        "./reproduce.sh",
        *words,
    ]


def prepared(top: Path, *signs: Sign, told: str = "", heard: str = "", **shape) -> None:
    (top / "reproduce.sh").write_text(reproduce_script(replace(SHAPE, **shape), signs))
    names = ("reproduce.sh", "run.txt")
    (top / "SHA256SUMS").write_text(
        "".join(f"{hashlib.sha256((top / name).read_bytes()).hexdigest()}  {name}\n" for name in names)
    )
    (top / "told").write_text(told)
    (top / "heard").write_text(heard, newline="")


def run(top: Path, *words: str) -> tuple[int, list[str]]:
    done = subprocess.run(argv_of(top, *words), cwd=top, capture_output=True, text=True, timeout=120, check=False)
    assert done.stderr == "" or done.returncode == 2, done.stderr
    return done.returncode, (done.stdout + done.stderr).splitlines()


def test_each_attempt_is_told_and_the_end_counts_them(folder):
    prepared(folder, metric("after.vmpte_kb > 1000"), told=HELLO + AT_AFTER + message(**EXIT) + BYE)
    shown = "reproduced (after.vmpte_kb 56464 > 1000)"
    assert run(folder, "-n", "2", "-a", "tcg") == (
        0,
        [SHAPE.name, "accelerator: tcg (asked for)", f"attempt 1: {shown}", f"attempt 2: {shown}", "reproduced 2 of 2"],
    )
    assert (folder / "out/attempt-2/agent.log").read_text().endswith(BYE)
    words = (folder / "qemu.log").read_text()
    assert words.count("-accel tcg -cpu max,la57=off") == words.count("-append console=ttyS0 a=2 ") == 2
    assert words.count("-fw_cfg name=opt/testbed/run,file=run.txt") == 2


def test_what_does_not_show_is_not_reproduced_and_says_how_it_ended(folder):
    prepared(folder, metric("after.vmpte_kb > 99999"), told=HELLO + AT_AFTER + message(**{**EXIT, "status": 3}) + BYE)
    assert run(folder, "-n", "1", "-a", "tcg") == (
        1,
        [
            SHAPE.name,
            "accelerator: tcg (asked for)",
            "attempt 1: not reproduced (after.vmpte_kb 56464 is not > 99999; "
            "the workload's own checks failed (exit status 3))",
            "reproduced 0 of 1",
        ],
    )


def test_a_guest_that_dies_shows_its_crash_and_another_crash_is_none(folder):
    panic = "<0>[    2.500000][   T77] Kernel panic - not syncing: it\r\n"
    prepared(folder, Sign(crash=CrashSign(kind="panic", title="not syncing: it")), told=HELLO, heard=panic)
    code, lines = run(folder, "-n", "1", "-a", "tcg")
    assert (code, lines[2]) == (0, "attempt 1: reproduced (panic: Kernel panic - not syncing: it)")
    prepared(folder, Sign(crash=CrashSign(kind="kasan")), told=HELLO, heard=panic)
    code, lines = run(folder, "-n", "1", "-a", "tcg")
    assert code == 1
    assert lines[2].startswith("attempt 1: not reproduced (panic: Kernel panic")


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ("", "QEMU ended: "),
        (HELLO.replace(SHAPE.build_id, "00" * 20), "another guest came up than was to"),
        (HELLO.replace('"levels":4', '"levels":5'), "another guest came up than was to"),
        (HELLO + message(type="error", what="no such program"), "the guest's agent: no such program"),
    ],
)
def test_what_says_nothing_of_the_bug_is_not_judged(told, why, folder):
    prepared(folder, metric("exit.status == 0"), told=told)
    if not told:
        qemu = folder.parent / "bin" / "qemu-system-x86_64"
        qemu.write_text("#!/bin/sh\necho 'qemu: warning: many CPUs' >&2\necho no such machine >&2\nexit 1\n")
        why += "no such machine"
    code, lines = run(folder, "-n", "1", "-a", "tcg")
    assert code == 3
    assert lines[2].startswith(f"attempt 1: could not be judged ({why}")
    assert lines[3] == "reproduced 0 of 0, 1 could not be judged"


def test_a_workload_that_comes_to_no_end_is_a_hang_and_its_qemu_is_ended(folder):
    prepared(folder, Sign(said="was not done in"), told=HELLO, deadline_tcg_s=2, silence_tcg_s=9, boot_tcg_s=9)
    (folder / "stay").touch()
    code, lines = run(folder, "-n", "1", "-a", "tcg")
    assert (code, lines[2]) == (0, "attempt 1: reproduced (said: the workload was not done in 2 s)")
    prepared(folder, Sign(said="sent nothing for"), told=HELLO, deadline_tcg_s=9, silence_tcg_s=2, boot_tcg_s=9)
    code, lines = run(folder, "-n", "1", "-a", "tcg")
    assert (code, lines[2]) == (0, "attempt 1: reproduced (said: the guest's agent sent nothing for 2 s)")
    assert not any(Path(f"/proc/{line.split()[0]}").exists() for line in (folder / "qemu.log").read_text().splitlines())


def test_interrupted_it_ends_its_qemu(folder):
    prepared(folder, metric("exit.status == 0"), told=HELLO, deadline_tcg_s=99, silence_tcg_s=99)
    (folder / "stay").touch()
    script = subprocess.Popen(
        argv_of(folder, "-a", "tcg"), cwd=folder, start_new_session=True, stdout=subprocess.DEVNULL
    )
    end = time.monotonic() + 60
    while not (folder / "qemu.log").is_file() and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.5)
    script.send_signal(signal.SIGINT)
    assert script.wait(60) == 130
    assert not Path(f"/proc/{(folder / 'qemu.log').read_text().split()[0]}").exists()


def test_files_that_are_others_or_tools_that_are_missing_are_refused_before_anything_is_started(folder):
    prepared(folder, metric("exit.status == 0"), told=HELLO)
    (folder / "run.txt").write_text("cmd=evil\n")
    code, lines = run(folder)
    assert code == 2
    assert lines[0] == "reproduce.sh: the files are not those of the bundle: run.txt: FAILED"
    (folder.parent / "bin" / "qemu-system-x86_64").unlink()
    bin_ = folder.parent / "bin"
    for tool in ("sh", "env", "awk", "cat", "grep", "mkdir", "rm", "sed", "sleep", "tr", "wc"):
        (bin_ / tool).symlink_to(Path(shutil.which(tool)).resolve())
    done = subprocess.run(
        ["env", "-i", f"PATH={bin_}", "sh", "./reproduce.sh"], cwd=folder, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("reproduce.sh: qemu-system-x86_64 is not installed")
    assert not (folder / "out").exists()


@pytest.mark.parametrize("words", [("-n", "0"), ("-n", "x"), ("-n", "-1"), ("-a", "xen"), ("-r", "none.txt"), ("-z",)])
def test_options_that_mean_nothing_are_refused(words, folder):
    prepared(folder, metric("exit.status == 0"))
    assert run(folder, *words)[0] == 2
    assert not (folder / "qemu.log").exists()


def test_another_order_is_given_by_r_and_shifts_come_in_turn(folder):
    prepared(folder, metric("exit.status == 0"), told=HELLO + message(**EXIT) + BYE, icount="0 1 2")
    (folder / "mine.txt").write_text("cmd=run\n")
    code, lines = run(folder, "-n", "4", "-r", "mine.txt")
    assert code == 0
    assert lines[1] == "accelerator: tcg (it alone counts instructions, as was done)"
    words = (folder / "qemu.log").read_text().splitlines()
    assert [line.partition("-icount shift=")[2][0] for line in words] == ["0", "1", "2", "0"]
    assert all(f"file={folder}/mine.txt" in line for line in words)
