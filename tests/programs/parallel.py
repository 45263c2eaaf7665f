#!/usr/bin/python3
"""parallel.py BUILD [ROUNDS [full]]: pigz, xz, sysbench, redis-server and Python, with threads that work, give the same
results natively and under evergreen.

How long they take is printed, and not asserted. `full`: ten times the data.
"""
import pathlib
import sys
import types

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools/bench"))

import programs  # noqa: E402


def main():
    options = types.SimpleNamespace(build=pathlib.Path(sys.argv[1]), rounds=int(sys.argv[2]) if sys.argv[2:] else 1,
                                    quick=sys.argv[3:] != ["full"])
    results, failed = programs.compare(options)
    faults = sorted(failed)
    sleeper = results.get("python3, 4 threads at work", {}).get("evergreen", {})
    if sleeper.get("ticks_per_s", 0) == 0:
        faults.append("the sleeping Python thread never woke beside those at work")
    for fault in faults:
        print("FAILED:", fault)
    return 1 if faults else 0


sys.exit(main())
