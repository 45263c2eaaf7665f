#!/usr/bin/python3
"""library.py COMPARE LAUNCHER NAME [PROGRAM]: a program that uses a blocking library, natively and under evergreen.

It starts the server that the program needs. The program's calls must overlap, or else it hangs (pool.h): under
evergreen on one kernel thread, which no other helps out, and once more with the settings that users have.
"""
import pathlib
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools/bench"))

import libraries  # noqa: E402

SKIPPED = 77  # as meson has it
LIMIT = 100  # seconds for each run

# Threads and jobs of each.
SIZES = {"curl": (20, 100), "curl_tls": (20, 100), "mariadb": (50, 50), "openssl": (20, 20), "postgres": (50, 50),
         "redis": (50, 50), "sqlite": (8, 40)}

# Kernel threads at most: the one that runs everything and the monitor; where others may help out, spares. Two to six
# were seen on busy cores: handshakes and fsync may hold up the others for some milliseconds. And so may each of the
# first ten threads of curl that ask for a name.
ALONE = 2
WITH_SPARES = 10
LOOKUPS = {"curl": 10, "curl_tls": 10}


def main():
    compare, launcher, name, *program = sys.argv[1:]
    if not program:
        print("the library is not installed (tools/packages check)")
        return SKIPPED
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that servers end and directories go
    threads, jobs = SIZES[name]
    failed = False
    with libraries.served(name, threads) as (first, last):
        command = [*program, first, threads, jobs, "meet", *last]
        for most, options in (ALONE, ["--one-carrier"]), (WITH_SPARES + LOOKUPS.get(name, 0), []):
            words = [sys.executable, compare, "--evergreen", launcher, "--limit", LIMIT, f"--kernel-threads-max={most}",
                     f"--greenlets-peak-min={threads}", *options, "--", *command]
            failed = subprocess.run([*map(str, words)]).returncode != 0 or failed
    return 1 if failed else 0


sys.exit(main())
