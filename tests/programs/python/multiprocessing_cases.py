"""multiprocessing by fork: processes, pools, queues, pipes, managers, shared memory and locks."""
import multiprocessing
import multiprocessing.pool
import multiprocessing.shared_memory
import os
import signal
import sys
import threading
import time

from cases import case, outcome, run

SOON = 0.02  # seconds that a wait with a timeout takes
fork = multiprocessing.get_context("fork")


def square(number):
    return number * number


def fail(number):
    raise ValueError(number)


def ended(processes):
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return [process.exitcode for process in processes]


@case
def processes():
    def child(number):
        sys.exit(number)

    codes = ended([fork.Process(target=child, args=(number,)) for number in range(5)])
    stuck = fork.Process(target=time.sleep, args=(1000,), daemon=True)
    stuck.start()
    late = stuck.join(SOON), stuck.exitcode, stuck.is_alive()
    stuck.terminate()
    stuck.join()
    return codes, late, stuck.exitcode, ended([fork.Process(target=os.kill, args=(0, 0))])


@case
def pool():
    with fork.Pool(4) as workers:
        results = workers.map(square, range(100), chunksize=7), workers.apply(square, (9,))
        unordered = sorted(workers.imap_unordered(square, range(50)))
        ordered = list(workers.imap(square, range(20))), workers.starmap(pow, [(2, 3), (3, 2)])
        pending = [workers.apply_async(square, (number,)) for number in range(20)]
        errors = outcome(workers.map, fail, [1]), outcome(workers.apply_async(time.sleep, (5,)).get, SOON)
        return results, unordered, ordered, [one.get() for one in pending], errors


@case
def pool_used_by_threads():
    with fork.Pool(3) as workers, multiprocessing.pool.ThreadPool(6) as callers:
        results = callers.map(lambda base: workers.map(square, range(base, base + 10)), range(12))
        workers.close()
        workers.join()
        return results


@case
def pool_renews_its_workers():
    with fork.Pool(2, maxtasksperchild=3) as workers:
        return workers.map(square, range(20), chunksize=1)


@case
def thread_pool():
    with multiprocessing.pool.ThreadPool(10) as workers:
        return workers.map(square, range(100)), outcome(workers.map, fail, [1])


@case
def queues():
    questions, answers = fork.Queue(), fork.JoinableQueue()

    def child():
        while (question := questions.get()) is not None:
            answers.put((question, question * 2))

    children = [fork.Process(target=child) for _ in range(3)]
    for process in children:
        process.start()
    for number in range(200):
        questions.put(number)
    results = sorted(answers.get() for _ in range(200))
    for _ in results:
        answers.task_done()
    answers.join()
    for _ in children:
        questions.put(None)
    for process in children:
        process.join()
    return results == [(number, number * 2) for number in range(200)], outcome(answers.get, timeout=SOON)


@case
def bounded_queue():
    things = fork.Queue(2)
    child = fork.Process(target=lambda: [things.put(bytes([number]) * 100_000) for number in range(20)])
    child.start()
    sizes = [things.get()[0] for _ in range(20)]
    child.join()
    return sizes


@case
def pipes():
    here, there = fork.Pipe()

    def child():
        while True:
            try:
                there.send(there.recv()[::-1])
            except EOFError:
                return

    def child_of_fork():
        here.close()
        child()

    process = fork.Process(target=child_of_fork)
    process.start()
    there.close()
    empty = here.poll(SOON)
    answers = []
    for text in ("text", "x" * 300_000, [1, 2, 3]):
        here.send(text)
        answers.append(here.recv() == text[::-1])
    here.close()
    process.join()
    return empty, answers, process.exitcode


@case
def shared_locks():
    counter, guard, most = fork.Value("i", 0), fork.Semaphore(2), fork.Array("i", [0, 0])

    def child():
        for _ in range(100):
            with counter.get_lock():
                counter.value += 1
            with guard, most.get_lock():
                most[0] += 1

    def child_with_threads():
        threads = [threading.Thread(target=child) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    codes = ended([fork.Process(target=child_with_threads) for _ in range(3)])
    return codes, counter.value, list(most), outcome(fork.BoundedSemaphore(1).release)


@case
def conditions_events_and_barriers():
    event, barrier, condition = fork.Event(), fork.Barrier(4), fork.Condition()
    stage = fork.Value("i", 0, lock=False)

    def child(number):
        event.wait()
        barrier.wait()
        with condition:
            condition.wait_for(lambda: stage.value == number)
            stage.value += 1
            condition.notify_all()

    children = [fork.Process(target=child, args=(number,)) for number in (2, 1, 0)]
    for process in children:
        process.start()
    late = event.wait(SOON)
    event.set()
    barrier.wait()
    for process in children:
        process.join()
    return late, [process.exitcode for process in children], stage.value, event.is_set()


@case
def manager():
    with fork.Manager() as server:
        things, table, guard = server.list(), server.dict(), server.Lock()

        def child(number):
            with guard:
                things.append(number)
                table[number] = table.get("sum", 0) + number

        codes = ended([fork.Process(target=child, args=(number,)) for number in range(6)])
        threads = [threading.Thread(target=child, args=(number,)) for number in range(6, 12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return codes, sorted(things), dict(sorted(table.items()))


@case
def shared_memory():
    memory = multiprocessing.shared_memory.SharedMemory(create=True, size=1000)
    try:
        def child(number):
            memory.buf[number] = number + 1

        codes = ended([fork.Process(target=child, args=(number,)) for number in range(5)])
        return codes, bytes(memory.buf[:6])
    finally:
        memory.close()
        memory.unlink()


@case
def started_from_threads():
    # multiprocessing loses an exit status that a child's siblings, started by other threads, reap.
    def start(number):
        results[number] = [status in (number, None) for status in ended([fork.Process(target=sys.exit, args=(number,)) for _ in range(3)])]

    results = [None] * 6
    threads = [threading.Thread(target=start, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@case
def sentinels():
    children = [fork.Process(target=time.sleep, args=(0.01 * number,)) for number in range(4)]
    for process in children:
        process.start()
    left = {process.sentinel for process in children}
    while left:
        left -= set(multiprocessing.connection.wait(left))
    for process in children:
        process.join()
    return [process.exitcode for process in children]


@case
def a_killed_child():
    child = fork.Process(target=time.sleep, args=(1000,))
    child.start()
    killer = threading.Timer(SOON, os.kill, (child.pid, signal.SIGKILL))
    killer.start()
    child.join()
    killer.join()
    return child.exitcode


if __name__ == "__main__":
    run()
