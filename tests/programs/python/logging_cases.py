"""logging: handlers that threads and processes share, and queues of records; and warnings, contextvars, sched."""
import contextvars
import io
import logging
import logging.handlers
import multiprocessing
import os
import queue
import sched
import socketserver
import struct
import tempfile
import threading
import pickle

from cases import case, run
from together import together


def logger_with(handler, name):
    handler.setFormatter(logging.Formatter("%(threadName)s %(levelname)s %(message)s"))
    logger = logging.Logger(name, logging.INFO)
    logger.addHandler(handler)
    return logger


def talk(logger, threads=10, lines=50):
    def say(number):
        threading.current_thread().name = f"talker {number}"
        for line in range(lines):
            logger.info("line %d", line)
            logger.debug("never seen")

    together(threads, say)


def is_whole(text, threads=10, lines=50):
    """Every line of every thread is there, unbroken, in the thread's order."""
    by_thread = {}
    for line in text.splitlines():
        _, number, level, _, count = line.split()
        by_thread.setdefault(int(number), []).append((level, int(count)))
    return by_thread == {number: [("INFO", line) for line in range(lines)] for number in range(threads)}


@case
def streams():
    text = io.StringIO()
    talk(logger_with(logging.StreamHandler(text), "stream"))
    return is_whole(text.getvalue())


@case
def files():
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "log")
        handler = logging.FileHandler(path)
        talk(logger_with(handler, "file"))
        handler.close()
        rotating = logging.handlers.RotatingFileHandler(os.path.join(directory, "rotated"), maxBytes=2000,
                                                        backupCount=100)
        talk(logger_with(rotating, "rotating"))
        rotating.close()
        rotated = [name for name in os.listdir(directory) if name.startswith("rotated")]
        text = "".join(open(os.path.join(directory, name)).read()
                       for name in sorted(rotated, key=lambda name: -int(name.partition(".")[2] or 0)))
        return is_whole(open(path).read()), len(rotated) > 5, is_whole(text)


@case
def queues():
    text, records = io.StringIO(), queue.Queue()
    sink = logging.StreamHandler(text)
    listener = logging.handlers.QueueListener(records, sink)
    listener.start()
    talk(logger_with(logging.handlers.QueueHandler(records), "queue"))
    listener.stop()
    return is_whole(text.getvalue())


@case
def memory():
    text = io.StringIO()
    sink = logging.StreamHandler(text)
    handler = logging.handlers.MemoryHandler(7, target=sink)
    sink.setFormatter(logging.Formatter("%(threadName)s %(levelname)s %(message)s"))
    talk(logger_with(handler, "memory"))
    handler.close()
    return is_whole(text.getvalue())


@case
def processes():
    """Forked while threads log: the lock of the handler must be free in the child."""
    records, stop = multiprocessing.get_context("fork").Queue(), threading.Event()
    logger = logger_with(logging.handlers.QueueHandler(records), "processes")
    busy = logger_with(logging.StreamHandler(io.StringIO()), "busy")

    def keep_logging():
        while not stop.is_set():
            busy.info("busy")

    def child(number):
        busy.info("in the child, too")
        for line in range(5):
            logger.info("child %d line %d", number, line)

    threads = [threading.Thread(target=keep_logging) for _ in range(3)]
    for thread in threads:
        thread.start()
    children = [multiprocessing.get_context("fork").Process(target=child, args=(number,)) for number in range(5)]
    for process in children:
        process.start()
    lines = sorted(records.get().getMessage() for _ in range(25))
    for process in children:
        process.join()
    stop.set()
    for thread in threads:
        thread.join()
    return lines, [process.exitcode for process in children]


@case
def sockets():
    received, all_received = [], threading.Event()

    class Records(socketserver.StreamRequestHandler):
        def handle(self):
            while size := self.rfile.read(4):
                record = logging.makeLogRecord(pickle.loads(self.rfile.read(struct.unpack(">L", size)[0])))
                received.append(record.getMessage())
                if len(received) == 100:
                    all_received.set()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Records) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        handler = logging.handlers.SocketHandler(*server.server_address)
        talk(logger_with(handler, "sockets"), 10, 10)
        all_received.wait()
        handler.close()
        server.shutdown()
        serving.join()
    return sorted(received) == sorted(10 * [f"line {line}" for line in range(10)])


@case
def contexts():
    """Each thread has its own value."""
    value = contextvars.ContextVar("value", default="none")
    value.set("main")

    def use(number):
        before = value.get()
        value.set(number)
        return before, value.get(), contextvars.copy_context().run(lambda: value.set("inner") and value.get()), value.get()

    return together(5, use), value.get()


@case
def scheduler():
    seen, plan = [], sched.scheduler()
    for number in (3, 1, 2):
        plan.enter(number * 0.01, 0, seen.append, (number,))
    threads = [threading.Thread(target=plan.run) for _ in range(1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seen, plan.empty()


run()
