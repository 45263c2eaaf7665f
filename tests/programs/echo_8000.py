#!/usr/bin/python3
"""echo_8000.py LAUNCHER THREAD_ECHO ECHO_LOAD: thread_echo under evergreen with 8,000 connections at once.

Every byte is compared (by echo_load), and the server has at most 5 kernel threads, now and at its peak: the greenlet
that accepts computes for long, and may lose the hub to a spare.
"""
import re
import signal
import subprocess
import sys

CONNECTIONS = 8000
KERNEL_THREADS_MAX = 5
LIMIT = 120

failed = False


def check(holds, what):
    global failed
    print("ok:" if holds else "FAILED:", what)
    failed = failed or not holds


def numbers(line):
    return {key: float(value) for key, value in re.findall(r"(\w+)=([\d.]+)", line)}


def kernel_threads(pid):
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"^Threads:\s*(\d+)", status.read(), re.MULTILINE).group(1))


def run_load(echo_load, port, server_pid):
    command = [echo_load, "--port", port, "--connections", str(CONNECTIONS), "--hold", "--seconds", "3", "--server",
               str(server_pid)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as load:
        connected = numbers(load.stdout.readline())
        check(connected.get("connected") == CONNECTIONS, f"{CONNECTIONS} connections stand")
        threads = kernel_threads(server_pid)
        check(threads <= KERNEL_THREADS_MAX, f"{threads} kernel threads while they do")
        result = numbers(load.stdout.readline())
    check(load.returncode == 0 and result.get("errors") == 0, f"no errors in {result.get('verified', 0):.0f} messages")
    check(result.get("verified", 0) >= 2 * CONNECTIONS, "each connection was answered")


def main():
    launcher, thread_echo, echo_load = sys.argv[1:]
    server = subprocess.Popen([launcher, "--stats", thread_echo], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True)
    try:
        run_load(echo_load, server.stdout.readline().rpartition(":")[2].strip(), server.pid)
        server.send_signal(signal.SIGTERM)
        _, stderr = server.communicate(timeout=LIMIT)
        check(server.returncode == 0, f"the server ended with {server.returncode}")
        stats = numbers(stderr)
        print(stderr, end="")
        check(stats.get("greenlets_peak", 0) >= CONNECTIONS, "each connection had a greenlet")
        check(stats.get("kernel_threads_peak", 99) <= KERNEL_THREADS_MAX, "few kernel threads at its peak")
    finally:
        server.kill()
    return 1 if failed else 0


sys.exit(main())
