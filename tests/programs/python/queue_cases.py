"""queue: all four kinds, bounded and not, between threads."""
import queue
import threading

from cases import case, outcome, run

SOON = 0.02  # seconds that a wait with a timeout takes
KINDS = {"fifo": queue.Queue, "lifo": queue.LifoQueue, "priority": queue.PriorityQueue}


def start(function, count, *arguments):
    threads = [threading.Thread(target=function, args=(number, *arguments)) for number in range(count)]
    for thread in threads:
        thread.start()
    return threads


def moved(kind, size):
    """8 producers put 100 things each through a queue of that size to 5 consumers."""
    things, taken = kind(size), [[] for _ in range(5)]

    def take(number):
        while (thing := things.get()) != (1000, 0):
            taken[number].append(thing)
            things.task_done()
        things.task_done()

    consumers = start(take, 5)
    for thread in start(lambda number: [things.put((number, step)) for step in range(100)], 8):
        thread.join()
    things.join()
    for _ in consumers:
        things.put((1000, 0))
    for thread in consumers:
        thread.join()
    return sorted(sum(taken, [])) == [(number, step) for number in range(8) for step in range(100)], things.qsize()


@case
def every_kind():
    return {name: [moved(kind, size) for size in (0, 1, 7)] for name, kind in KINDS.items()}


@case
def one_to_one_keeps_the_order():
    things, taken = queue.Queue(3), []
    consumer = start(lambda _: [taken.append(things.get()) for _ in range(300)], 1)[0]
    for number in range(300):
        things.put(number)
    consumer.join()
    return taken == list(range(300))


@case
def simple():
    things, back = queue.SimpleQueue(), queue.SimpleQueue()

    def double(_):
        while (thing := things.get()) is not None:
            back.put(thing * 2)

    threads = start(double, 4)
    for number in range(500):
        things.put(number)
    results = sorted(back.get() for _ in range(500))
    for _ in threads:
        things.put(None)
    for thread in threads:
        thread.join()
    return results == [number * 2 for number in range(500)], outcome(back.get, timeout=SOON), outcome(back.get_nowait)


@case
def full_and_empty():
    things = queue.Queue(1)
    empty = outcome(things.get_nowait), outcome(things.get, timeout=SOON), outcome(things.get, timeout=-1)
    things.put(1)
    full = outcome(things.put_nowait, 2), outcome(things.put, 2, timeout=SOON), things.full(), things.empty()
    return empty, full, things.get(), outcome(things.task_done), outcome(things.task_done)


@case
def join_waits_for_all():
    things, done = queue.Queue(), []

    def work(_):
        while True:
            number = things.get()
            done.append(number)
            things.task_done()

    for number in range(4):
        threading.Thread(target=work, args=(number,), daemon=True).start()
    for number in range(200):
        things.put(number)
    things.join()
    return sorted(done) == list(range(200))


@case
def pipeline():
    """A thing passes through 20 threads."""
    stages = [queue.Queue(2) for _ in range(21)]

    def add(number):
        for _ in range(50):
            stages[number + 1].put(stages[number].get() + number)

    threads = start(add, 20)
    feeder = start(lambda _: [stages[0].put(number) for number in range(50)], 1)
    results = [stages[20].get() for _ in range(50)]
    for thread in threads + feeder:
        thread.join()
    return results


run()
