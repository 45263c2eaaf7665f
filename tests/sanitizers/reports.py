#!/usr/bin/python3
"""Runs one case of programs.cpp, natively or under Valgrind, and compares its reports with what is expected.

    reports.py asan|tsan|memcheck PROGRAM CASE
"""
import os
import re
import subprocess
import sys

# A case that ends with status 0 and without a word, or with a report in which these stand one after the other.
CLEAN = None
CASES = {
    "asan": {
        "exceptions": CLEAN,
        "stacks": CLEAN,
        "reachable_from_stacks": CLEAN,
        "no_race": CLEAN,
        "overflow": [r"stack-buffer-overflow", r"#0 .* in (?:.*::)?smash\(int\)", r"in RawGreenlet::begin|::begin\(",
                     r"located in stack of thread T0", r"#0 .* in (?:.*::)?smash\(int\)", r"'numbers'"],
        "use_after_return": [r"stack-use-after-return", r"in frame", r"#0 .* in (?:.*::)?returns_local", r"'local'"],
        "dead_greenlets_variable": [r"use-after-poison", r"#0 .* in (?:.*::)?look_at"],
        "leak": [r"LeakSanitizer: detected memory leaks", r"Direct leak of 400 byte", r"in (?:.*::)?lose\(\)"],
    },
    "tsan": {
        "exceptions": CLEAN,
        "stacks": CLEAN,
        "no_race": CLEAN,
        "race": [r"data race", r"Write of size 4 .* by main thread", r"#0 (?:.*::)?write_number\(int\)",
                 r"evergreen::RawGreenlet::begin", r"Previous write of size 4 .* by thread",
                 r"#0 (?:.*::)?write_number\(int\)"],
    },
    "memcheck": {
        "exceptions": CLEAN,
        "stacks": CLEAN,
        "no_race": CLEAN,
        "uninitialised": [r"Conditional jump or move depends on uninitialised", r"read_uninitialised",
                          r"RawGreenlet::begin"],
    },
}

SETTINGS = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:detect_leaks=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=0",
}
MEMCHECK = ["valgrind", "--quiet", "--error-exitcode=9", "--leak-check=full", "--errors-for-leak-kinds=definite",
            "--show-leak-kinds=definite"]


def main():
    kind, program, case = sys.argv[1:]
    expected = CASES[kind][case]
    command = (MEMCHECK if kind == "memcheck" else []) + [program, case]
    run = subprocess.run(command, env=os.environ | SETTINGS, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, timeout=120)
    output = run.stdout.decode(errors="replace")
    # Where all is slow, the monitor may say so.
    report = "".join(line for line in output.splitlines(True) if "has held up" not in line)
    if expected is CLEAN:
        ok = run.returncode == 0 and not report
    else:
        ok = run.returncode != 0 and re.search(".*?".join(expected), report, re.DOTALL)
    if not ok:
        print(output, end="")
        print(f"FAILED: {kind} {case}: status {run.returncode}; expected", expected or "no report, and status 0")
    sys.exit(not ok)


main()
