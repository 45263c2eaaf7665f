#!/usr/bin/python3
"""memcached.py LAUNCHER: 10,000 keys are set and read back over 50 connections of a memcached with 4 workers."""
import signal
import socket
import threading

import contenders
from servers import free_port

KEYS, CONNECTIONS = 10_000, 50


def value_of(number):
    return b"value %d " % number * (number % 50 + 1)


def converse(port, number, results):
    """Sets every 50th key, and reads those that the next connection sets."""
    with socket.create_connection(("127.0.0.1", port), contenders.PATIENCE) as connection, \
            connection.makefile("rwb") as file:
        for key in range(number, KEYS, CONNECTIONS):
            file.write(b"set key%d 0 0 %d\r\n%s\r\n" % (key, len(value_of(key)), value_of(key)))
            file.flush()
            results[number] += file.readline() == b"STORED\r\n"
        met.wait()
        for key in range((number + 1) % CONNECTIONS, KEYS, CONNECTIONS):
            file.write(b"get key%d\r\n" % key)
            file.flush()
            size = int(file.readline().split()[3])
            results[number] += file.read(size) == value_of(key) and file.readline() + file.readline() == b"\r\nEND\r\n"
        met.wait()
        file.write(b"incr key%d 1\r\nget nothing\r\ndelete key%d\r\n" % (number, number))
        file.flush()
        results[number] += [file.readline()[:12] for _ in range(3)] == [b"CLIENT_ERROR", b"END\r\n", b"DELETED\r\n"]


def use(contender):
    global met
    met = threading.Barrier(CONNECTIONS)
    port = free_port()
    command = ["memcached", "-u", "nobody", "-l", "127.0.0.1", "-p", port, "-U", "0", "-t", "4"]
    results = [0] * CONNECTIONS
    with contender.server(*command, end=signal.SIGTERM,
                          is_ready=lambda: socket.create_connection(("127.0.0.1", port)).close() or True):
        threads = [threading.Thread(target=converse, args=(port, number, results)) for number in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return results


contenders.compare(use, greenlets_min=4, kernel_threads_max=12)
