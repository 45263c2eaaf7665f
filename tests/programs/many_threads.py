#!/usr/bin/python3
"""200,000 threads, all alive at once, joined, and again in the same process: many_threads.py LAUNCHER PROGRAM"""

import re
import subprocess
import sys

COUNT = 200_000


def main():
    launcher, program = sys.argv[1:]
    run = subprocess.run([launcher, program, str(COUNT)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                         timeout=280)
    print(run.stdout, run.stderr, sep="")
    alive = [int(number) for number in re.findall(r"alive: (\d+)", run.stdout)]
    resident = [int(number) for number in re.findall(rf"joined: {COUNT}, resident: (\d+) KiB", run.stdout)]
    wrong = []
    if run.returncode != 0:
        wrong.append(f"ended with {run.returncode}")
    if alive != [COUNT] * 2 or len(resident) != 2:
        wrong.append(f"not all threads were alive and joined twice: {alive}, {resident}")
    elif resident[1] > resident[0] * 1.02:
        wrong.append(f"memory grew from {resident[0]} to {resident[1]} KiB")
    elif resident[1] > COUNT * 12:
        wrong.append(f"{resident[1] / COUNT:.1f} KiB a thread stay")
    for line in wrong:
        print("FAILED:", line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
