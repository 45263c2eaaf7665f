#!/usr/bin/python3
"""Runs one program natively and under evergreen, and compares what it prints and how it ends.

    compare.py [options] -- PROGRAM [ARGUMENTS...]

Each run has a time limit; a run that reaches it is killed with all its children and counts as a failure ("hangs").
What natively fails is a failure too, unless --status says how the program is meant to end; status 77 is a program's
word that it cannot run on this machine, which counts as skipped.
"""

import argparse
import difflib
import os
import re
import signal
import subprocess
import sys

SKIPPED = 77  # as meson has it
STATS = re.compile(r"^evergreen: (greenlets=.*)$", re.MULTILINE)


class Run:
    """How a run ended: status (a negative number is a signal), stdout, stderr."""

    def __init__(self, command, limit, environment=None):
        self.command = command
        self.hangs = False
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, start_new_session=True,
                                   env={**os.environ, **(environment or {})})
        try:
            stdout, stderr = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            self.hangs = True
            os.killpg(process.pid, signal.SIGKILL)
            stdout, stderr = process.communicate()
        self.status = process.returncode
        self.stdout = stdout.decode(errors="replace")
        self.stderr = stderr.decode(errors="replace")

    def stats(self):
        """The numbers of the last --stats line, that of the program itself; its children come before."""
        lines = STATS.findall(self.stderr)
        return {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", lines[-1])} if lines else {}


def ending(status):
    return f"signal {-status} ({signal.strsignal(-status)})" if status < 0 else f"status {status}"


def faults_of(run, name, options):
    """Sentences about what is wrong with one run by itself."""
    if run.hangs:
        return [f"{name}: hangs, killed after {options.limit} s"]
    if run.status != options.status:
        return [f"{name}: ended with {ending(run.status)}, not {ending(options.status)}"]
    return []


def faults_of_stats(stats, options):
    if not stats:
        return ["preloaded: printed no line of --stats"]
    faults = []
    if options.kernel_threads_max is not None and stats["kernel_threads_peak"] > options.kernel_threads_max:
        faults.append(f"kernel_threads_peak={stats['kernel_threads_peak']}, more than {options.kernel_threads_max}")
    for key, least in (("greenlets", options.greenlets_min), ("greenlets_peak", options.greenlets_peak_min),
                       ("offloads", options.offloads_min)):
        if least is not None and stats[key] < least:
            faults.append(f"{key}={stats[key]}, less than {least}")
    return faults


def difference(native, preloaded):
    lines = difflib.unified_diff(native.stdout.splitlines(), preloaded.stdout.splitlines(), "native", "preloaded",
                                 lineterm="")
    return "\n".join(lines)


def faults_of_cases(options):
    """A program of cases (case.h): each must hold alone, too, where no other has started a hub for it."""
    faults = []
    for name in Run(options.command + ["--list"], options.limit).stdout.split():
        run = Run([options.evergreen] + options.command + [name], options.limit)
        if run.hangs or run.status != 0 or run.stdout != f"{name}: ok\n":
            faults.append(f"preloaded, alone: {run.stdout.strip() or name}, {ending(run.status)} {run.stderr.strip()}")
    return faults


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--evergreen", required=True, help="path of the launcher")
    parser.add_argument("--limit", type=float, default=60, help="seconds for each run")
    parser.add_argument("--status", type=int, default=0, help="how both runs must end; -11 is signal 11")
    parser.add_argument("--kernel-threads-max", type=int, help="of the preloaded run")
    parser.add_argument("--greenlets-min", type=int, help="so that it is sure that greenlets ran")
    parser.add_argument("--greenlets-peak-min", type=int, help="at the same time")
    parser.add_argument("--offloads-min", type=int, help="calls during which another carrier took the hub on purpose")
    parser.add_argument("--one-carrier", action="store_true",
                        help="no other kernel thread takes over when a call blocks this one: then the run hangs")
    parser.add_argument("--cases", action="store_true", help="then runs each case of the program alone, preloaded")
    parser.add_argument("--only-preloaded", action="store_true", help="for what would block natively")
    parser.add_argument("command", nargs="+")
    return parser.parse_args(arguments)


def wants_stats(options):
    return any(value is not None
               for value in (options.kernel_threads_max, options.greenlets_min, options.greenlets_peak_min,
                             options.offloads_min))


def main():
    options = parse(sys.argv[1:])
    launcher = [options.evergreen] + (["--stats"] if wants_stats(options) else [])
    faults = []
    if not options.only_preloaded:
        native = Run(options.command, options.limit)
        if native.status == SKIPPED and options.status != SKIPPED:
            print("skipped:", native.stdout)
            return SKIPPED
        faults += faults_of(native, "native", options)
        if faults:
            print(native.stdout, native.stderr, sep="\n")
    preloaded = Run(launcher + options.command, options.limit,
                    {"EVERGREEN_CARRIERS": "1"} if options.one_carrier else {})
    own_faults = faults_of(preloaded, "preloaded", options)
    if own_faults:
        print(preloaded.stdout, preloaded.stderr, sep="\n")
    faults += own_faults
    if wants_stats(options) and not preloaded.hangs:
        print("stats:", preloaded.stats())
        faults += faults_of_stats(preloaded.stats(), options)
    if not options.only_preloaded and native.stdout != preloaded.stdout:
        print(difference(native, preloaded))
        faults.append("stdout differs")
    if options.cases:
        faults += faults_of_cases(options)
    for fault in faults:
        print("FAILED:", fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
