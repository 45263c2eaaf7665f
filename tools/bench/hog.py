"""The question about hogs, David Beazley's: how many quick requests a threaded server answers beside one that computes.

Nothing is pinned: natively the hog takes a core of its own, and so it should under evergreen.
"""
import math
import socket
import time

from echo import Server
from measuring import interleaved, output_of, ratio, reached, stderr_of, table

RATE_WANTED = 0.9  # of the native one
WORST_WANTED_MS = 50
PHI = (1 + math.sqrt(5)) / 2  # fib(n + 1) takes so many times as long as fib(n)


def contenders(build):
    server = build / 'examples/fib_server'
    launcher = ['env', 'EVERGREEN_HUBS=1', build / 'tools/evergreen', '--stats']
    return {'native': [server], 'evergreen': [*launcher, server]}


def seconds_of(port, n):
    with socket.create_connection(('127.0.0.1', port)) as connection:
        begin = time.perf_counter()
        connection.sendall(b'%d\n' % n)
        connection.recv(100)
        return time.perf_counter() - begin


def hog_of(seconds, build):
    """An n for which fib(n) takes at least that long."""
    known = 40
    with Server(contenders(build)['native'], cpu=None) as server:
        fastest = min(seconds_of(server.port, known) for _ in range(3))
    return known + max(0, math.ceil(math.log(seconds / fastest, PHI)))


def compare(options):
    """Measures and prints. Returns the medians of each contender, and who failed."""
    seconds = 1 if options.quick else 3
    n = hog_of(seconds, options.build)

    def measure(command):
        with stderr_of(command) as stderr, Server(command, cpu=None, stderr=stderr) as server:
            return output_of([options.build / 'tools/bench/fib_load', server.port, n], cpu=None, limit=seconds * 40)

    results, failed = interleaved('hog', contenders(options.build), options.rounds, measure)
    table(f'hog: one connection asks fib_server for fib({n}), another for fib(1) over and over',
          ['', 'hog, s', 'requests/s', 'to native', 'p50, µs', 'p99, µs', 'longest, ms'],
          [[name, f"{result['hog_seconds']:.1f}", f"{result['requests_per_s']:,.0f}",
            ratio(results, name, 'requests_per_s'), f"{result['p50_us']:.0f}", f"{result['p99_us']:.0f}",
            f"{result['worst_us'] / 1000:.1f}"] for name, result in results.items()])
    if not failed:
        rate = results['evergreen']['requests_per_s'] / results['native']['requests_per_s']
        print(f"  goals: {RATE_WANTED} of the native rate: {reached(rate >= RATE_WANTED)}; no answer later than "
              f"{WORST_WANTED_MS} ms: {reached(results['evergreen']['worst_us'] <= WORST_WANTED_MS * 1000)}")
    return results, failed


def hog(options):
    return compare(options)[1]
