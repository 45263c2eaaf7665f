#!/usr/bin/python3
"""startup.py LAUNCHER: prints how long /bin/true takes natively and under evergreen: medians of 50, interleaved."""
import os
import statistics
import subprocess
import sys
import time

RUNS = 50
BUDGET_MS = 5  # printed beside the figure; no test depends on how fast this machine is just now


def milliseconds(command):
    begin = time.perf_counter()
    status = subprocess.run(command, stdin=subprocess.DEVNULL, env=environment).returncode
    end = time.perf_counter()
    if status != 0:
        sys.exit(f"FAILED: {command} ended with {status}")
    return (end - begin) * 1000


environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
commands = {"native": ["/bin/true"], "evergreen": [sys.argv[1], "/bin/true"]}
times = {name: [] for name in commands}
for _ in range(RUNS):
    for name, command in commands.items():
        times[name].append(milliseconds(command))
medians = {name: statistics.median(values) for name, values in times.items()}
print(f"/bin/true, medians of {RUNS} in turn: native {medians['native']:.2f} ms, "
      f"evergreen {medians['evergreen']:.2f} ms, {medians['evergreen'] - medians['native']:.2f} ms more "
      f"(wanted: less than {BUDGET_MS})")
