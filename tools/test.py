#!/usr/bin/env python3
"""Run every test, print one summary; `make test` builds what is needed and calls this.

usage: O=build ONLY="host user kernel quire boot" T=PATTERN test.py
       O=build ONLY=fuzz TIME=600 T=PATTERN test.py        (make fuzz)

    host     pure parts (tests/host) compiled for the host: library suites, models with random inputs, libFuzzer for a moment
    user     user-space suites (tests/user) on the host's Linux, which proves the suites themselves
    kernel   the in-kernel suites in QEMU (`selftest` on the command line)
    quire    the user-space suites inside Quire
    boot     boots driven by pytest (tests/boot)
    fuzz     not part of a whole run: libFuzzer for TIME seconds on each target, going on from what earlier runs found
ONLY picks kinds, T tests by name (a word in the program's, suite's or test's name). Each program has a time limit that scales with the
host's speed. A suite must print KTAP with a fulfilled plan and end with the right status; anything else counts as a failure. The last
line is `N passed, N failed`; the status is 0 only when nothing failed and something passed.
"""
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))
sys.path.insert(0, os.path.join(ROOT, "tests", "boot"))
import machine  # noqa: E402
from machine import BUILD  # noqa: E402

KINDS = ["host", "user", "kernel", "quire", "boot"]
PATTERN = os.environ.get("T", "")


def excerpts(text, before=30, most=4):
    """The lines that tell why: those that lead up to each of the first few tests that failed, or else the last ones."""
    lines = text.rstrip().splitlines()
    ends = [i + 1 for i, line in enumerate(lines) if re.match(r"\s*not ok \d", line)][:most] or [len(lines)]
    shown, last = [], 0
    for end in ends:
        start = max(last, end - (before if len(ends) > 1 else 2 * before))
        shown += (["..."] if start > last else []) + lines[start:end]
        last = end
    return shown


class Tally:
    """What passed and failed so far; report() adds a suite and prints its line."""

    def __init__(self):
        self.passed, self.failed, self.skipped = 0, [], 0

    def report(self, name, ktap, fault="", repeat="", output=""):
        """ktap: its text, or None when there is none. fault: what went wrong besides the results in it."""
        passed, failed, skipped, complete = machine.count_ktap(ktap)
        failed = [f"{name}: {test}" for test in failed]
        if not fault and not complete:
            fault = "the KTAP plan is not fulfilled" if passed or failed else "no KTAP results"
        if fault and not (failed and complete):
            failed.append(f"{name}: {fault}")
        self.passed += passed
        self.skipped += skipped
        self.failed += failed
        counts = f"{passed} passed" + (f", {len(failed)} failed" if failed else "") + (f", {skipped} skipped" if skipped else "")
        print(f"  {'ok  ' if not failed else 'FAIL'} {name:<28} {counts}", flush=True)
        if failed:
            for one in failed:
                print(f"       {one}")
            print("\n".join("       | " + line for line in excerpts(machine.ESCAPES.sub("", output or ktap or ""))))
            if repeat:
                print(f"       repeat: {repeat}", flush=True)


def programs(folder):
    path = os.path.join(BUILD, folder)
    found = [os.path.join(path, n) for n in sorted(os.listdir(path)) if PATTERN in n and "." not in n] if os.path.isdir(path) else []
    return [p for p in found if os.path.isfile(p) and os.access(p, os.X_OK)]


def run_here(tally, kind, folder, limit):
    """Programs on the host, each in a folder of its own."""
    for program in programs(folder):
        name = f"{kind}/{os.path.basename(program)}"
        with tempfile.TemporaryDirectory() as cwd:
            try:
                done = subprocess.run([program], cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, timeout=limit * machine.scale())
                text, status = done.stdout, done.returncode
                fault = "" if status == 0 else f"ended with status {status}"
            except subprocess.TimeoutExpired as stuck:
                text, fault = stuck.stdout or b"", f"not finished after {limit * machine.scale():.0f} s"
        tally.report(name, text.decode(errors="replace"), fault, os.path.relpath(program, ROOT))


# In `make test`, of each target: this many inputs, or as many as fit into that many seconds.
FUZZ_RUNS, FUZZ_SECONDS, FUZZ_SEED = 20000, 8, 1


def run_fuzz(tally, seconds=None):
    """libFuzzer's targets; without seconds a bounded run from nothing with a fixed seed, so that a failure repeats."""
    for program in programs("fuzz"):
        name = os.path.basename(program)
        folder = os.path.join(BUILD, "fuzz", "found")
        corpus = os.path.join(BUILD, "fuzz", "corpus", name)
        command = [program, "-max_len=4096", "-timeout=20", "-rss_limit_mb=2048", f"-artifact_prefix={folder}/{name}-"]
        if seconds:
            command += [f"-max_total_time={seconds}", "-print_final_stats=1", corpus]
        else:
            command += [f"-runs={FUZZ_RUNS}", f"-max_total_time={FUZZ_SECONDS}", f"-seed={FUZZ_SEED}", "-len_control=20"]
        os.makedirs(folder, exist_ok=True)
        os.makedirs(corpus, exist_ok=True)
        limit = (seconds or FUZZ_SECONDS) + 60 * machine.scale()
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=limit)
            text, status = done.stdout.decode(errors="replace"), done.returncode
        except subprocess.TimeoutExpired as stuck:
            text, status = (stuck.stdout or b"").decode(errors="replace"), f"nothing after {limit:.0f} s"
        runs = re.search(r"^Done (\d+) runs", text, re.M)
        good = status == 0 and runs and int(runs.group(1)) > 100
        kept = re.search(r"Test unit written to (\S+)", text)
        repeat = f"{os.path.relpath(program, ROOT)} {kept.group(1)}" if kept else " ".join(command)
        ktap = f"KTAP version 1\n1..1\n# seed {FUZZ_SEED}, {runs.group(1) if runs else 0} runs\n{'ok' if good else 'not ok'} 1 {name}\n"
        tally.report(f"fuzz/{name}", ktap, "" if good else f"libFuzzer ended with status {status}", repeat, "" if good else text)


def run_kernel(tally):
    """The in-kernel suites, on a plain machine and on one with two nodes and four processors."""
    only = f"={PATTERN}" if PATTERN else ""
    for name, knobs in (("kernel/2-cpus", {}), ("kernel/2-nodes-4-cpus", {"nodes": 2, "cpus": 4, "mem": "1G"})):
        with machine.Machine(cmdline=f"selftest{only} panic=-1{machine.strict_words()}", timeout=240, **knobs) as m:
            fault = ""
            try:
                status = m.wait()
                if status != machine.PASS:
                    fault = f"QEMU ended with status {status}, expected {machine.PASS} (see tools/qemu.sh)"
            except AssertionError:
                fault = f"not finished after {m.limit():.0f} s"
            tally.report(name, m.log, fault, m.command)


def run_quire(tally):
    """The user-space suites inside, from one boot; each suite's part of the log is judged alone."""
    names = [os.path.basename(p) for p in programs("usertest")]
    if not names:
        return
    pattern = f" tests=*{PATTERN}*" if PATTERN else ""
    slow = f" tests_scale={machine.CHECKED_SCALE}" if machine.checkers() else ""
    with machine.Machine(cmdline="panic=-1" + machine.strict_words() + slow + pattern, initramfs="test", timeout=600, cpus=2) as m:
        try:
            status = m.wait()
            ending = "" if status == machine.POWER_OFF else f"QEMU ended with status {status}"
        except AssertionError:
            ending = f"the machine was not finished after {m.limit():.0f} s"
        log = m.log
        for name in names:
            part = re.search(rf"^# run {re.escape(name)}$(.*?)(?:^# end {re.escape(name)} (\d+)$|\Z)", log, re.M | re.S)
            if not part:
                tally.report(f"quire/{name}", "", f"did not run{': ' + ending if ending else ''}", m.command, m.tail(15))
                continue
            text, status = part.group(1), part.group(2)
            trouble = re.search(machine.TROUBLE, text)
            if trouble:
                fault = f"the kernel said: {text[trouble.start():].splitlines()[0]}"
            elif status is None:
                fault = f"did not end{': ' + ending if ending else ''}"
            else:
                fault = "" if status == "0" else f"ended with status {status}"
            tally.report(f"quire/{name}", text, fault, m.command + f"   # with tests={name}")
        if ending or "# all user tests ended" not in log:
            tally.report("quire/power-off", "", ending or "the run did not come to its end", m.command, m.tail(15))


def run_boots(tally):
    """pytest on tests/boot. test_build.py goes first and alone, since it remakes what the others boot; these share the
    processors, a file at a time. A machine has two processors or more, so two of the host's go to each."""
    run_pytest(tally, "build", ["tests/boot/test_build.py"])
    workers = max(1, min((os.cpu_count() or 1) // 2, 8))
    run_pytest(tally, "boots", ["tests/boot", "--ignore=tests/boot/test_build.py", f"-n{workers}", "--dist=loadfile"])


def run_pytest(tally, name, words):
    result = os.path.join(BUILD, f"{name}.xml")
    if os.path.exists(result):
        os.unlink(result)
    command = ["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", f"--junitxml={result}", *words]
    if PATTERN:
        command += ["-k", PATTERN]
    try:
        subprocess.run(command, cwd=ROOT, env={**os.environ, "O": BUILD, "PYTHONDONTWRITEBYTECODE": "1"}, timeout=3000 * machine.scale())
    except subprocess.TimeoutExpired:
        tally.failed.append(f"{name}: pytest did not finish in time")
    if not os.path.exists(result):
        tally.failed.append(f"{name}: pytest wrote no results")
        return
    for case in xml.etree.ElementTree.parse(result).iter("testcase"):
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            tally.failed.append(f"boot/{case.get('classname', '').split('.')[-1]}: {case.get('name')}")
        elif "skipped" in kinds:
            tally.skipped += 1
        else:
            tally.passed += 1


def main():
    kinds = os.environ.get("ONLY", "").split() or KINDS
    unknown = set(kinds) - set(KINDS) - {"fuzz"}
    if unknown:
        sys.exit(f"ONLY={' '.join(kinds)}: the kinds are {' '.join(KINDS)}")
    # A run in the background of a script inherits ignored keyboard signals, and so would the suites that test them.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    tally, start = Tally(), time.monotonic()
    for kind in [k for k in KINDS + ["fuzz"] if k in kinds]:
        print(f"{kind}:", flush=True)
        if kind == "host":
            run_here(tally, kind, "host", 120)
            run_fuzz(tally)
        elif kind == "user":
            run_here(tally, kind, "usertest", 120)
        elif kind == "kernel":
            run_kernel(tally)
        elif kind == "quire":
            run_quire(tally)
        elif kind == "fuzz":
            run_fuzz(tally, float(os.environ.get("TIME") or 60))
        else:
            run_boots(tally)
    if tally.failed:
        print("\nfailed:")
        print("\n".join(f"  {one}" for one in tally.failed))
    skipped = f" ({tally.skipped} skipped)" if tally.skipped else ""
    print(f"\n{time.monotonic() - start:.0f} s{skipped}")
    print(f"{tally.passed} passed, {len(tally.failed)} failed")
    sys.exit(0 if tally.passed and not tally.failed else 1)


if __name__ == "__main__":
    main()
