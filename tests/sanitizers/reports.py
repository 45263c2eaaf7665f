#!/usr/bin/python3
"""Runs one case of programs.cpp, natively or under Valgrind, and compares its reports with what is expected.

    reports.py asan|tsan|memcheck PROGRAM CASE
"""
import os
import re
import subprocess
import sys

# A case that ends with status 0 and without a report; or with one, in which these stand one after the other
# (and those with "!" nowhere).
CLEAN = None
CASES = {
    "asan": {
        "exceptions": CLEAN,
        "stacks": CLEAN,
        "reachable_from_stacks": CLEAN,
        "no_race": CLEAN,
        "overflow": ["stack-buffer-overflow", r"#0 [^\n]* in [^\n]*smash", "RawGreenlet::begin", "in stack of thread T0",
                     r"#0 [^\n]* in [^\n]*smash", "'numbers'"],
        "use_after_return": ["stack-use-after-return", "in frame", r"#0 [^\n]* in [^\n]*returns_local", "'local'"],
        "dead_greenlets_variable": ["use-after-poison", r"#0 [^\n]* in [^\n]*look_at"],
        "leak": ["detected memory leaks", "Direct leak of 400 byte", r"in [^\n]*lose", "RawGreenlet::begin"],
    },
    "tsan": {
        "exceptions": CLEAN,
        "stacks": CLEAN,
        "no_race": CLEAN,
        "race": ["data race", "Write of size 4 .* by", r"#0 [^\n]*write_number", "RawGreenlet::begin", "Previous write of size 4",
                 r"#0 [^\n]*write_number", "!bystand"],
    },
    "memcheck": {
        "exceptions": CLEAN,
        "stacks": CLEAN,
        "no_race": CLEAN,
        "uninitialised": ["depends on uninitialised", "read_uninitialised", "RawGreenlet::begin"],
    },
}

# These are about variables that must be on the real stack.
REAL_STACK = {"overflow", "dead_greenlets_variable", "reachable_from_stacks"}

SETTINGS = {
    "ASAN_OPTIONS": "detect_leaks=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=0",
}
MEMCHECK = ["valgrind", "--quiet", "--error-exitcode=9", "--leak-check=full", "--errors-for-leak-kinds=definite",
            "--show-leak-kinds=definite"]


def main():
    kind, program, case = sys.argv[1:]
    expected = CASES[kind][case]
    command = (MEMCHECK if kind == "memcheck" else []) + [program, case]
    environment = os.environ | SETTINGS
    environment["ASAN_OPTIONS"] += f":detect_stack_use_after_return={int(case not in REAL_STACK)}"
    run = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, timeout=120)
    output = run.stdout.decode(errors="replace")
    # Where all is slow, the monitor may say so.
    report = "".join(line for line in output.splitlines(True) if "has held up" not in line)
    if expected is CLEAN:
        ok = run.returncode == 0 and not report
    else:
        there = ".*?".join(text for text in expected if text[0] != "!")
        absent = [text[1:] for text in expected if text[0] == "!"]
        ok = run.returncode != 0 and re.search(there, report, re.DOTALL) and not any(text in report for text in absent)
    if not ok:
        print(output, end="")
        print(f"FAILED: {kind} {case}: status {run.returncode}; expected", expected or "no report, and status 0")
    sys.exit(not ok)


main()
