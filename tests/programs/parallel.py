#!/usr/bin/python3
"""parallel.py BUILD [ROUNDS [full]]: pigz, xz, sysbench, redis-server and Python, with threads that work, give the same
results natively and under evergreen.

How long they take is printed, and not asserted; nor how often a Python thread that sleeps 1 ms in a loop wakes up
beside those that work. `full`: more data.
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
    _, failed = programs.compare(options)
    for fault in sorted(failed):
        print("FAILED:", fault)
    return 1 if failed else 0


sys.exit(main())
