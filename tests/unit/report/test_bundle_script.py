# SPDX-License-Identifier: GPL-2.0-only
"""``reproduce.sh`` judges as the testbed does: the same deaths, the same numbers, by a shell alone."""

import json
import shutil
import subprocess
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
