#!/usr/bin/python3
"""The table of what tests/posix asserts, by interface: table.py LAUNCHER LEAST PROGRAM...

Runs each program under evergreen and counts the lines "interface: assertion"; LEAST is how many there must be in all.
"""

import collections
import re
import subprocess
import sys

ASSERTION = re.compile(r"^(\w+): (?!ok$)")


def main():
    launcher, least, *programs = sys.argv[1:]
    counts = collections.Counter()
    failed = []
    for program in programs:
        run = subprocess.run([launcher, program], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        if run.returncode != 0:
            failed.append(f"{program} ended with {run.returncode}: {run.stdout[-300:]}")
        counts.update(match[1] for match in map(ASSERTION.match, run.stdout.splitlines()) if match)
    for interface, count in sorted(counts.items()):
        print(f"{interface:40}{count:5}")
    print(f"{len(counts)} interfaces, {counts.total()} assertions".rjust(45))
    if counts.total() < int(least):
        failed.append(f"there should be at least {least} assertions")
    print(*failed, sep="\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
