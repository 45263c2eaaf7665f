"""signal: waits of the main thread that handlers interrupt, and timers."""
import _thread
import os
import select
import signal
import socket
import threading
import time

from cases import case, outcome, run
from signalling import SOON, Handled, later, ring


def interrupted(wait, *arguments, number=signal.SIGUSR1, error=LookupError()):
    """What a call that waits does when threads send a signal whose handler raises, the first time."""
    done = threading.Event()

    def send():
        while not done.wait(SOON):  # until it was heard: the first may come before the wait
            ring(number)

    with Handled(number, error):
        sender = later(send)
        try:
            result = wait(*arguments)
        except BaseException as raised:
            result = type(raised).__name__
        done.set()
        sender.join()
        return result


@case
def every_wait_of_main_is_interrupted():
    reading, writing = os.pipe()
    here, there = socket.socketpair()
    lock, condition, happened, listener = threading.Lock(), threading.Condition(), threading.Event(), socket.socket()
    lock.acquire()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    epoll, poll, gate = select.epoll(), select.poll(), threading.Event()
    stuck = later(gate.wait)
    child = os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "1000")
    fill(writing, here)
    with condition:
        results = {
            "sleep": interrupted(time.sleep, 1000), "read": interrupted(os.read, reading_of_nothing := os.pipe()[0], 1),
            "write": interrupted(os.write, writing, b"x"), "recv": interrupted(here.recv, 1),
            "send": interrupted(here.send, b"x"), "accept": interrupted(listener.accept),
            "select": interrupted(select.select, [here], [], []), "poll": interrupted(poll.poll),
            "epoll": interrupted(epoll.poll), "lock": interrupted(lock.acquire),
            "lock with timeout": interrupted(lock.acquire, True, 1000), "event": interrupted(happened.wait),
            "condition": interrupted(condition.wait), "join": interrupted(stuck.join),
            "waitpid": interrupted(os.waitpid, child, 0), "pause": interrupted(signal.pause),
            "sigtimedwait": interrupted(signal.sigtimedwait, {signal.SIGUSR2}, 1000)}
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    gate.set()
    stuck.join()
    for fd in (reading, writing, reading_of_nothing):
        os.close(fd)
    for one in (here, there, listener, epoll):
        one.close()
    return results


def fill(writing, connection):
    """So that writers wait."""
    for write, fd in ((os.write, writing), (os.write, connection.fileno())):
        os.set_blocking(fd, False)
        while outcome(write, fd, bytes(65536)) != "BlockingIOError":
            pass
        while outcome(write, fd, b"x") != "BlockingIOError":
            pass
        os.set_blocking(fd, True)


@case
def waits_go_on_after_a_handler():
    """PEP 475: what did not raise waits on, with the time that is left."""
    reading, writing = os.pipe()
    happened = threading.Event()

    def act():
        for _ in range(3):
            time.sleep(SOON)
            ring()
        os.write(writing, b"x")
        happened.set()

    with Handled(signal.SIGUSR1) as handled:
        thread = later(act)
        read = os.read(reading, 1), happened.wait()
        thread.join()
        begin = time.monotonic()
        thread = later(act)
        time.sleep(0.2)
        slept = time.monotonic() - begin >= 0.2
        thread.join()
    os.close(reading), os.close(writing)
    return read, slept, handled.wait(6)


@case
def keyboard_interrupt():
    waits = [lambda: time.sleep(1000), threading.Event().wait, lambda: select.select([], [], [], 1000),
             lambda: [time.sleep(0.001) for _ in range(100_000)]]
    results = [interrupted(wait, number=signal.SIGINT, error=KeyboardInterrupt()) for wait in waits]
    for interrupt in (_thread.interrupt_main, lambda: ring(signal.SIGINT)):  # once, with Python's own handler
        thread = later(lambda: time.sleep(SOON) or interrupt())
        results.append(outcome(waits[-1]))
        thread.join()
    return results


@case
def timers():
    with Handled(signal.SIGALRM) as handled:
        before = signal.setitimer(signal.ITIMER_REAL, SOON, SOON / 4)
        count = handled.wait(5) >= 5
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.alarm(1000)
        left = 0 < signal.alarm(0) <= 1000
        now = handled.seen
        signal.setitimer(signal.ITIMER_REAL, SOON)
        signal.pause()
        paused = handled.wait(now + 1) == now + 1
    with Handled(signal.SIGVTALRM) as handled:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.01)
        while not handled.seen:
            pass
    return before, count, left, paused, handled.seen, signal.getitimer(signal.ITIMER_REAL)


@case
def timers_while_threads_work():
    stop = []

    def compute():
        while not stop:
            sum(range(1000))

    threads = [later(compute) for _ in range(3)]
    with Handled(signal.SIGALRM) as handled:
        signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)
        handled.wait(10)
        signal.setitimer(signal.ITIMER_REAL, 0)
    stop.append(True)
    for thread in threads:
        thread.join()
    return handled.seen >= 10, handled.threads


@case
def restarted_system_calls():
    """siginterrupt(False): the kernel, or we, restart the call, and only then Python looks."""
    reading, writing = os.pipe()
    with Handled(signal.SIGUSR1) as handled:
        signal.siginterrupt(signal.SIGUSR1, False)
        thread = later(lambda: (time.sleep(SOON), ring(), time.sleep(SOON), os.write(writing, b"x")))
        result = os.read(reading, 1)
        thread.join()
    os.close(reading), os.close(writing)
    return result, handled.wait()


run()
