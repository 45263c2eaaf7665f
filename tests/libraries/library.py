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

# Threads and jobs of each; and kernel threads at most, about twice what was seen on busy cores. There are the one that
# runs everything, the monitor, and spares: handshakes and fsync may hold up the others for some milliseconds, and so
# may each of the first ten threads of curl that ask for a name. A look-up of 127.0.0.1 must not.
SIZES = {"curl": (20, 100, 20), "curl_tls": (20, 100, 20), "mariadb": (50, 50, 6), "openssl": (20, 20, 10),
         "postgres": (50, 50, 8), "redis": (50, 50, 6), "sqlite": (8, 40, 10)}
ALONE = 2


def main():
    compare, launcher, name, *program = sys.argv[1:]
    if not program:
        print("the library is not installed (tools/packages check)")
        return SKIPPED
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that servers end and directories go
    threads, jobs, with_spares = SIZES[name]
    failed = False
    with libraries.served(name, threads) as (first, last):
        command = [*program, first, threads, jobs, "meet", *last]
        for most, options in (ALONE, ["--one-carrier"]), (with_spares, []):
            words = [sys.executable, compare, "--evergreen", launcher, "--limit", LIMIT, f"--kernel-threads-max={most}",
                     f"--greenlets-peak-min={threads}", *options, "--", *command]
            failed = subprocess.run([*map(str, words)]).returncode != 0 or failed
    return 1 if failed else 0


sys.exit(main())
