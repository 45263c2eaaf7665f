"""concurrent.futures: pools of threads and of processes."""
import concurrent.futures
import multiprocessing
import os
import threading
import time

from cases import case, outcome, run

SOON = 0.02  # seconds that a wait with a timeout takes


def square(number):
    if number == 13:
        raise ValueError("unlucky")
    return number * number


def slow_square(number):
    time.sleep(0.001 * (number % 5))
    return square(number)


def die(_):
    os._exit(3)


def set_up(word):
    global prepared
    prepared = word


def prepared_word(_):
    return prepared


def results_of(pool):
    futures = [pool.submit(slow_square, number) for number in range(30)]
    return [outcome(future.result) for future in futures]


def use(pool):
    """What every pool must do."""
    results = results_of(pool)
    mapped = list(pool.map(square, range(10), chunksize=3)), outcome(list, pool.map(square, range(20)))
    done = []
    futures = [pool.submit(slow_square, number) for number in range(10)]
    for future in futures:
        future.add_done_callback(lambda one: done.append(one.result()))
    completed = sorted(future.result() for future in concurrent.futures.as_completed(futures))
    error = type(pool.submit(square, 13).exception()).__name__
    pool.shutdown()
    return results, mapped, completed, sorted(done), error, outcome(pool.submit, square, 1)


@case
def threads():
    with concurrent.futures.ThreadPoolExecutor(8, thread_name_prefix="worker", initializer=set_up,
                                               initargs=("ready",)) as pool:
        names = {name.rpartition("_")[0] for name in pool.map(lambda _: threading.current_thread().name, range(50))}
        return names, set(pool.map(prepared_word, range(20))), use(pool)


@case
def timeouts():
    gate = threading.Event()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        stuck = [pool.submit(gate.wait) for _ in range(2)]
        queued = pool.submit(square, 3)
        late = outcome(queued.result, SOON), outcome(pool.submit(square, 2).exception, SOON)
        waited = concurrent.futures.wait([*stuck, queued], SOON)
        cancelled = queued.cancel(), stuck[0].cancel(), queued.cancelled(), outcome(queued.result)
        gate.set()
        first = concurrent.futures.wait(stuck, return_when=concurrent.futures.FIRST_COMPLETED).done
        return late, len(waited.done), len(waited.not_done), cancelled, len(first) >= 1, [one.result() for one in stuck]


@case
def shutdown_cancels():
    gate, pool = threading.Event(), concurrent.futures.ThreadPoolExecutor(1)
    running, queued = pool.submit(gate.wait), [pool.submit(square, number) for number in range(5)]
    while not running.running():
        time.sleep(0.001)
    pool.shutdown(wait=False, cancel_futures=True)
    gate.set()
    return running.result(), [one.cancelled() for one in queued]


@case
def pools_in_pools():
    def outer(number):
        with concurrent.futures.ThreadPoolExecutor(4) as inner:
            return sum(inner.map(slow_square, range(number % 10)))

    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        return list(pool.map(outer, range(20)))


@case
def processes():
    with concurrent.futures.ProcessPoolExecutor(3, initializer=set_up, initargs=("ready",)) as pool:
        words = set(pool.map(prepared_word, range(20)))
        own = os.getpid() not in set(pool.map(own_pid, range(20)))
        return words, own, use(pool)


def own_pid(_):
    return os.getpid()


@case
def processes_from_threads():
    """Several threads share a pool of processes, whose workers are forked while they run."""
    with concurrent.futures.ProcessPoolExecutor(2) as pool, concurrent.futures.ThreadPoolExecutor(6) as callers:
        return list(callers.map(lambda base: list(pool.map(slow_square, range(base, base + 5))), range(0, 6)))


@case
def a_process_that_dies():
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
        return outcome(list, pool.map(die, range(2))), outcome(pool.submit, square, 2)


@case
def spawned_processes():
    """Workers that are started by exec."""
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(square, range(8)))


if __name__ == "__main__":
    run()
