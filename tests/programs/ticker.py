#!/usr/bin/python3
"""ticker.py BUILD [RUNS]: a 1 ms ticker goes on while other threads block, compute or spin for a second, on busy cores.

Asserts only that it went on; tools/bench/ticks.py prints how late its ticks came.
"""
import pathlib
import statistics
import sys
import types

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools/bench"))

import ticks  # noqa: E402

TICKS_MIN = 100  # of about 900, in the run in the middle: a ticker that waits for the others has one


def main():
    options = types.SimpleNamespace(build=pathlib.Path(sys.argv[1]), runs=int(sys.argv[2]) if sys.argv[2:] else 20)
    runs, failed = ticks.compare(options)
    faults = [f"{name} failed" for name in failed]
    for (kind, name), results in runs.items():
        ticked = statistics.median(run["ticks"] for run in results) if results else 0
        if ticked < TICKS_MIN:
            faults.append(f"{name}, beside threads that {ticks.KINDS[kind]}: only {ticked:.0f} ticks in a second")
    for fault in faults:
        print("FAILED:", fault)
    return 1 if faults else 0


sys.exit(main())
