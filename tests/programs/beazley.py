#!/usr/bin/python3
"""beazley.py BUILD: David Beazley's experiment. fib_server computes for seconds on one connection; how many quick
requests does it answer on another? All answers are compared.

What is asserted catches a server that stops for its hog, on however busy a machine; tools/bench/hog.py prints the rest.
"""
import pathlib
import sys
import types

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools/bench"))

import hog  # noqa: E402

RATE_MIN = 0.3  # of the native one


def main():
    options = types.SimpleNamespace(build=pathlib.Path(sys.argv[1]), rounds=3, quick=False)
    results, failed = hog.compare(options)
    if failed:
        print("FAILED:", ", ".join(sorted(failed)))
        return 1
    rate = results["evergreen"]["requests_per_s"] / results["native"]["requests_per_s"]
    print("ok:" if rate >= RATE_MIN else "FAILED:", f"{rate:.2f} of the native rate, at least {RATE_MIN} is needed")
    return 0 if rate >= RATE_MIN else 1


sys.exit(main())
