#!/usr/bin/python3
"""idle.py BUILD: while nobody asks thread_echo under evergreen, none of its kernel threads wakes up, after a load and
with 100 connections open."""
import pathlib
import sys
import types

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools/bench"))

import monitor  # noqa: E402


def main():
    options = types.SimpleNamespace(build=pathlib.Path(sys.argv[1]), rounds=1, quick=False)
    result, failed = monitor.compare(options)
    if failed:
        print("FAILED:", ", ".join(sorted(failed)))
        return 1
    sleeps = monitor.sleeps_when_idle(result)
    print("ok:" if sleeps == 0 else "FAILED:", f"{sleeps:.1f} wake-ups a second while idle")
    return 0 if sleeps == 0 else 1


sys.exit(main())
