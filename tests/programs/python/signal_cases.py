"""signal: handlers, masks and wake-ups, while other threads run."""
import os
import select
import signal
import socket
import sys
import threading
import time

from cases import case, outcome, run
from signalling import SOON, Handled, later, ring

ALL = signal.valid_signals()


@case
def handlers_run_in_the_main_thread():
    with Handled(signal.SIGUSR1) as usr1, Handled(signal.SIGUSR2) as usr2:
        ring()
        first = usr1.wait()
        later(ring).join()
        second = usr1.wait(2)
        thread = later(signal.pthread_kill, threading.main_thread().ident, signal.SIGUSR2)
        third = usr2.wait()
        thread.join()
        signal.raise_signal(signal.SIGUSR2)
        return first, second, third, usr2.wait(2), usr1.threads | usr2.threads


def sleep_until(is_true):
    while not is_true():
        time.sleep(SOON)
    return "slept"


@case
def sent_to_a_thread():
    """pthread_kill of threads that are in every kind of wait: Python's handler runs in main, and they wait on."""
    reading, writing = os.pipe()
    lock, happened, (here, there) = threading.Lock(), threading.Event(), socket.socketpair()
    lock.acquire()
    waits = [lambda: os.read(reading, 1), lambda: lock.acquire() and lock.release(), happened.wait,
             lambda: sleep_until(happened.is_set), lambda: len(select.select([there], [], [])[0]), lambda: here.recv(1)]
    results = [None] * len(waits)

    def wait(number):
        results[number] = waits[number]()

    threads = [later(wait, number) for number in range(len(waits))]
    time.sleep(SOON)
    with Handled(signal.SIGUSR1) as handled:
        for count, thread in enumerate(threads, 1):
            signal.pthread_kill(thread.ident, signal.SIGUSR1)
            handled.wait(count)
        alive = [thread.is_alive() for thread in threads]
        os.write(writing, b"x"), lock.release(), happened.set(), there.send(b"x"), here.send(b"x")
        for thread in threads:
            thread.join()
    os.close(reading), os.close(writing), here.close(), there.close()
    return alive, results, handled.threads


@case
def masks():
    """A mask belongs to a thread."""
    def mask(*numbers):
        return sorted(signal.pthread_sigmask(signal.SIG_BLOCK, numbers))

    def own():
        inherited = mask(signal.SIGUSR2)
        time.sleep(SOON)
        seen.append((inherited, mask()))

    seen = []
    before = mask(signal.SIGUSR1)
    threads = [later(own) for _ in range(3)]
    main = mask()
    for thread in threads:
        thread.join()
    with Handled(signal.SIGUSR1) as handled:
        ring()
        pending = sorted(signal.sigpending()), handled.seen
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
        return before, main, seen, mask(), pending, handled.wait()


@case
def blocked_in_some_threads():
    """One thread that blocks everything does not make the process deaf."""
    gate = threading.Event()

    def deaf():
        signal.pthread_sigmask(signal.SIG_BLOCK, ALL)
        gate.wait()

    with Handled(signal.SIGTERM) as handled:
        threads = [later(deaf) for _ in range(5)]
        for count in range(10):
            ring(signal.SIGTERM)
            handled.wait(count + 1)
        gate.set()
        for thread in threads:
            thread.join()
        return handled.seen, handled.threads


@case
def sigwait_in_a_thread():
    """The classic: all block, one waits for process signals and for its own."""
    numbers = {signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    arrived, got = threading.Semaphore(0), []

    def wait():
        while not got or got[-1] != signal.SIGTERM:
            got.append(signal.sigwait(numbers))
            arrived.release()

    waiter = later(wait)
    for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGUSR1):
        ring(number)
        arrived.acquire()
    signal.pthread_kill(waiter.ident, signal.SIGUSR2)
    arrived.acquire()
    ring(signal.SIGTERM)
    waiter.join()
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return [number.name for number in got], sorted(signal.sigpending())


@case
def sigwaitinfo():
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    late = signal.sigtimedwait({signal.SIGUSR1}, SOON)
    thread = later(ring)
    info = signal.sigwaitinfo({signal.SIGUSR1})
    thread.join()
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return late, info.si_signo, info.si_pid == os.getpid(), info.si_uid == os.getuid(), info.si_code


@case
def wakeup_fd():
    here, there = socket.socketpair()
    there.setblocking(False)
    before = signal.set_wakeup_fd(there.fileno())
    with Handled(signal.SIGUSR1), Handled(signal.SIGUSR2):
        numbers = []
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            later(ring, number)
            numbers += here.recv(1)
        waiting = later(lambda: numbers.extend(here.recv(1)))
        ring()
        waiting.join()
    signal.set_wakeup_fd(before)
    here.close(), there.close()
    return before, numbers


@case
def children():
    with Handled(signal.SIGCHLD) as handled:
        pid = os.spawnlp(os.P_NOWAIT, "true", "true")
        seen = handled.wait()
        return seen, os.waitpid(pid, 0)[1]


@case
def inherited_by_children():
    """Ignored signals and masks pass to children; from a thread its own mask."""
    def child():
        pid = os.fork()
        if pid == 0:
            os._exit(len(signal.pthread_sigmask(signal.SIG_BLOCK, ())))
        statuses.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

    def masked():
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGUSR2})
        child()
        child_by_exec()

    def child_by_exec():
        code = "import signal; print(*signal.pthread_sigmask(signal.SIG_BLOCK, ()), flush=True)"
        reading, writing = os.pipe()
        pid = os.posix_spawn(sys.executable, ["python3", "-c", code], os.environ,
                             file_actions=[(os.POSIX_SPAWN_DUP2, writing, 1)])
        os.close(writing)
        os.waitpid(pid, 0)
        with os.fdopen(reading) as file:
            statuses.append(file.read())

    statuses = []
    child()
    later(masked).join()
    later(child).join()
    return statuses


@case
def refusals():
    thread_refused = []
    later(lambda: thread_refused.append(outcome(signal.signal, signal.SIGUSR1, signal.SIG_IGN))).join()
    return (outcome(signal.signal, signal.SIGKILL, signal.SIG_IGN), outcome(signal.pthread_kill, threading.get_ident(), 0),
            outcome(signal.pthread_kill, threading.get_ident(), 1000), thread_refused)


run()
