#!/usr/bin/python3
"""iperf3.py LAUNCHER: 8 streams, both directions, between a server and a client that agree on what went through.

Debian 12's has one thread, so that no greenlet needs to be seen; later ones have a thread for each stream.
"""
import json

import contenders
from servers import free_port


def is_listening(port):
    """Looked up, because a connection would be its client."""
    with open("/proc/net/tcp") as table:
        return any(f":{port:04X} 00000000:0000 0A" in line for line in table)


def use(contender):
    results = []
    for direction in ([], ["--reverse"]):
        port = free_port()
        with contender.server("iperf3", "--server", "--one-off", "--bind", "127.0.0.1", "--port", port, end=0,
                              is_ready=lambda: is_listening(port)):
            text = contender.run("iperf3", "--client", "127.0.0.1", "--port", port, "--parallel", 8, "--bytes", "40M",
                                 "--json", *direction)
        report = json.loads(text)
        sent, received = (report["end"][name]["bytes"] for name in ("sum_sent", "sum_received"))
        results.append((len(report["end"]["streams"]), sent >= 40 * 2**20 and sent >= received > 0, "error" in report))
    return results


contenders.compare(use, greenlets_min=0, kernel_threads_max=20)
