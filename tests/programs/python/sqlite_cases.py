"""sqlite3 and time: a data base that threads and processes share; sleeps and clocks."""
import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

from cases import case, outcome, run
from together import together

THREADS, ROWS = 8, 8


def opened(path):
    return contextlib.closing(sqlite3.connect(path, timeout=40, isolation_level=None))


def insert(path, number):
    with opened(path) as database:
        for row in range(ROWS):
            database.execute("BEGIN IMMEDIATE")
            database.execute("INSERT INTO things VALUES (?, ?)", (number, row))
            database.execute("UPDATE total SET sum = sum + ?", (row,))
            database.execute("COMMIT")


@contextlib.contextmanager
def prepared(mode):
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "database")
        with opened(path) as database:
            found = database.execute(f"PRAGMA journal_mode={mode}").fetchone()
            assert found == (mode,), found
            database.execute("CREATE TABLE things (thread, row)")
            database.execute("CREATE TABLE total (sum)")
            database.execute("INSERT INTO total VALUES (0)")
        yield path


def found(path):
    with opened(path) as database:
        return (database.execute("SELECT count(*), count(DISTINCT thread), sum(row) FROM things").fetchone(),
                database.execute("SELECT sum FROM total").fetchone(),
                database.execute("PRAGMA integrity_check").fetchone())


@case
def threads_that_write():
    results = []
    for mode in ("delete", "wal"):
        with prepared(mode) as path:
            together(THREADS, lambda number: insert(path, number))
            results.append(found(path))
    return results


@case
def readers_beside_writers():
    with prepared("wal") as path:
        def act(number):
            if number < 3:
                return insert(path, number)
            with opened(path) as database:
                consistent = [database.execute("SELECT (SELECT coalesce(sum(row), 0) FROM things) = sum FROM total")
                              .fetchone() for _ in range(50)]
            return set(consistent)

        return together(8, act), found(path)


CHILD = """
import sqlite3, sys
path, number, rows = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
database = sqlite3.connect(path, timeout=40, isolation_level=None)
for row in range(rows):
    database.execute("BEGIN IMMEDIATE")
    database.execute("INSERT INTO things VALUES (?, ?)", (number, row))
    database.execute("UPDATE total SET sum = sum + ?", (row,))
    database.execute("COMMIT")
"""


@case
def other_processes_write_too():
    with prepared("delete") as path:
        def act(number):
            if number % 2:
                return insert(path, number)
            return subprocess.run([sys.executable, "-c", CHILD, path, str(number), str(ROWS)]).returncode

        return together(4, act), found(path)


@case
def locked():
    with prepared("delete") as path, opened(path) as holder:
        holder.execute("BEGIN EXCLUSIVE")

        def attempt(_):
            with contextlib.closing(sqlite3.connect(path, timeout=0.05)) as database:
                return outcome(database.execute, "INSERT INTO things VALUES (1, 2)")

        return together(3, attempt), holder.execute("COMMIT").fetchone()


@case
def one_connection_for_all():
    guard = threading.Lock()  # Python's module mixes up the values of threads that share a statement

    def insert_one(database, number, row):
        with guard:
            database.execute("INSERT INTO things VALUES (?, ?)", (number, row))

    with contextlib.closing(sqlite3.connect(":memory:", check_same_thread=False)) as database:
        database.execute("CREATE TABLE things (thread, row)")
        together(THREADS, lambda number: [insert_one(database, number, row) for row in range(ROWS)])
        return database.execute("SELECT count(*), count(DISTINCT thread), sum(row) FROM things").fetchone()


@case
def not_of_this_thread():
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        return together(2, lambda _: outcome(database.execute, "SELECT 1"))


@case
def functions_and_interrupts():
    """Python called by SQLite in several threads; one that runs for ever is interrupted by another thread."""
    def own(number):
        with contextlib.closing(sqlite3.connect(":memory:")) as database:
            database.create_function("twice", 1, lambda value: time.sleep(0.001) or value * 2)
            return database.execute("WITH RECURSIVE n(v) AS (SELECT 1 UNION ALL SELECT v + 1 FROM n WHERE v < 20) "
                                    "SELECT sum(twice(v)) + ? FROM n", (number,)).fetchone()

    with contextlib.closing(sqlite3.connect(":memory:", check_same_thread=False)) as endless:
        running = []
        endless.create_function("started", 0, lambda: running.append(True) or 1)

        def act(number):
            if number == 0:
                return outcome(lambda: endless.execute(
                    "WITH RECURSIVE n(v) AS (SELECT started() UNION ALL SELECT v + 1 FROM n) SELECT sum(v) FROM n")
                    .fetchone())
            while not running:
                time.sleep(0.001)
            return endless.interrupt()

        return together(5, own), together(2, act)


@case
def sleeps():
    """None ends too early, by any clock."""
    clocks = [time.monotonic, time.perf_counter, lambda: time.clock_gettime(time.CLOCK_BOOTTIME)]

    def sleep(number):
        begins = [clock() for clock in clocks]
        time.sleep(0.002 * number)
        return all(clock() - begin >= 0.002 * number for clock, begin in zip(clocks, begins))

    return together(40, sleep), outcome(time.sleep, -1), time.sleep(0)


@case
def cpu_clocks():
    """A thread that sleeps uses none; one that computes does."""
    def use(number):
        begin = time.thread_time_ns()
        if number % 2:
            time.sleep(0.01)
        else:
            while time.thread_time_ns() == begin:
                pass
        return time.thread_time_ns() > begin or number % 2

    return together(4, use), time.process_time() > 0


run()
