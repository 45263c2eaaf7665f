"""threading: every kind of lock, conditions, events, barriers and semaphores."""
import threading
import time

from cases import case, outcome, run
from together import together

SOON = 0.02  # seconds that a wait with a timeout takes


@case
def lock():
    guard, counter = threading.Lock(), [0]

    def add(_):
        for _ in range(500):
            with guard:
                value = counter[0]
                if value % 50 == 0:
                    time.sleep(0)
                counter[0] = value + 1

    together(20, add)
    guard.acquire()
    return (counter, guard.acquire(blocking=False), guard.acquire(timeout=SOON), guard.locked(), guard.release(),
            outcome(guard.release))


@case
def lock_passes_from_thread_to_thread():
    turns = [threading.Lock() for _ in range(10)]
    for turn in turns:
        turn.acquire()
    order = []

    def wait(number):
        turns[number].acquire()
        order.append(number)
        if number > 0:
            turns[number - 1].release()

    threads = [threading.Thread(target=wait, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    turns[9].release()
    for thread in threads:
        thread.join()
    return order


@case
def rlock():
    guard = threading.RLock()
    with guard, guard:
        other = together(1, lambda _: (guard.acquire(blocking=False), guard.acquire(timeout=SOON),
                                       outcome(guard.release)))
    return other, outcome(guard.release), together(2, lambda _: guard.acquire() and guard.release())


@case
def condition():
    """Each of 10 consumers takes 20 of the 200 things that 4 producers make."""
    changed, things, taken = threading.Condition(), [], []

    def work(number):
        for step in range(20 if number < 10 else 50):
            with changed:
                if number < 10:
                    changed.wait_for(lambda: things)
                    taken.append(things.pop())
                else:
                    things.append(number * 1000 + step)
                    changed.notify()

    together(14, work)
    with changed:
        late = changed.wait(SOON), changed.wait_for(lambda: False, SOON)
    return sum(taken), len(taken), things, late, outcome(changed.notify), outcome(changed.wait)


@case
def condition_notify_all():
    changed, ready, go = threading.Condition(), [], []

    def wait(number):
        with changed:
            ready.append(number)
            changed.notify_all()
            changed.wait_for(lambda: go)
        return number

    def start(number):
        if number < 50:
            return wait(number)
        with changed:
            changed.wait_for(lambda: len(ready) == 50)
            go.append(True)
            changed.notify_all()

    return together(51, start)


@case
def event():
    happened = threading.Event()
    early = happened.is_set(), happened.wait(SOON)
    results = together(30, lambda number: happened.set() if number == 29 else happened.wait())
    happened.clear()
    return early, results, happened.is_set(), happened.wait(0)


@case
def barrier():
    met, actions = threading.Barrier(8, action=lambda: actions.append(len(actions))), []
    indices = together(8, lambda _: [met.wait() for _ in range(20)])
    rounds = [sorted(column) for column in zip(*indices)]
    broken = threading.Barrier(2)
    late = outcome(broken.wait, SOON), broken.broken, outcome(broken.wait), broken.reset(), broken.broken
    aborted = threading.Barrier(3)

    def wait(number):
        if number == 2:
            while aborted.n_waiting < 2:
                time.sleep(0.001)
            return aborted.abort()
        return outcome(aborted.wait)

    return all(one == list(range(8)) for one in rounds), actions, late, together(3, wait)


@case
def semaphore():
    few, guard, inside, most = threading.BoundedSemaphore(3), threading.Lock(), [0], []

    def enter(_):
        for _ in range(10):
            with few:
                with guard:
                    inside[0] += 1
                    most.append(inside[0])
                time.sleep(0.0005)
                with guard:
                    inside[0] -= 1

    together(12, enter)
    empty = threading.Semaphore(0)
    late = empty.acquire(blocking=False), empty.acquire(timeout=SOON)
    freed = together(5, lambda number: empty.release(4) if number == 4 else empty.acquire())
    return max(most) <= 3, inside, late, freed, outcome(few.release)


run()
