#!/usr/bin/python3
"""redis.py LAUNCHER: a redis-server with I/O threads answers 20 clients at once, a blocked one too, and ends by SIGTERM."""
import signal
import socket
import threading

import contenders
from redis_server import command
from servers import free_port

CLIENTS, KEYS = 20, 200


def converse(port, questions):
    """Sends them at once; all the answers."""
    with socket.create_connection(("127.0.0.1", port), contenders.PATIENCE) as connection:
        connection.sendall(b"".join(questions) + command("ECHO", "the end"))
        received = b""
        while not received.endswith(b"the end\r\n"):
            part = connection.recv(65536)
            if not part:
                raise RuntimeError("redis-server closed the connection")
            received += part
    return received


def client(port, number):
    keys = [f"{number}:{key}" for key in range(KEYS)]
    return converse(port, [command("SET", key, f"value of {key} " * 20) for key in keys] +
                    [command("GET", key) for key in reversed(keys)] + [command("INCRBY", f"sum {number}", 3)] * 50 +
                    [command("RPUSH", f"list {number}", *range(100)), command("LRANGE", f"list {number}", 0, -1),
                     command("NO", "such"), command("LPUSH", keys[0], 1), command("UNLINK", *keys)])


def use(contender):
    port, results = free_port(), [None] * (CLIENTS + 1)

    def act(number):
        if number == CLIENTS:
            results[number] = converse(port, [command("BLPOP", "late", 50)]), converse(port, [command("DBSIZE")])
        else:
            results[number] = client(port, number)

    server = ["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--io-threads", 4,
              "--io-threads-do-reads", "yes", "--appendonly", "yes", "--appendfsync", "everysec"]
    with contender.server(*server, end=signal.SIGTERM,
                          is_ready=lambda: converse(port, [command("PING")]).startswith(b"+PONG")):
        clients = [threading.Thread(target=act, args=(number,)) for number in range(CLIENTS + 1)]
        for thread in clients:
            thread.start()
        for thread in clients[:CLIENTS]:
            thread.join()
        pushed = converse(port, [command("RPUSH", "late", "thing")])
        clients[CLIENTS].join()
        saved = converse(port, [command("SAVE"), command("BGREWRITEAOF")])
    return results, pushed, saved


contenders.compare(use, greenlets_min=6, kernel_threads_max=30)
