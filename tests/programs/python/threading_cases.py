"""threading: timers, locals, identities, hooks, stacks, ends, and many threads."""
import contextlib
import io
import subprocess
import sys
import threading
import time
import traceback

from cases import case, outcome, run
from together import together

SOON = 0.02  # seconds that a wait with a timeout takes


@case
def timer():
    fired, happened = [], threading.Event()
    timers = [threading.Timer(0.01 * number, fired.append, (number,)) for number in range(5)]
    cancelled = threading.Timer(0.01, fired.append, ("never",))
    for one in [cancelled, *timers]:
        one.start()
        if one is cancelled:
            one.cancel()
    for one in timers + [cancelled]:
        one.join()
    threading.Timer(0, happened.set).start()
    return sorted(fired), happened.wait(), cancelled.finished.is_set()


@case
def local():
    class Mine(threading.local):
        def __init__(self, word):
            self.values = [word]

    mine, plain = Mine("own"), threading.local()
    plain.value = "main"

    def use(number):
        before = hasattr(plain, "value")
        plain.value = number
        mine.values.append(number)
        time.sleep(0.001)
        return before, plain.value, mine.values

    return together(20, use), plain.value, mine.values


@case
def identity():
    met = threading.Barrier(30)

    def ask(_):
        me = threading.current_thread()
        met.wait()  # all are alive at once
        return me.ident, me.native_id, threading.get_ident() == me.ident, threading.get_native_id() == me.native_id

    answers = together(30, ask)
    main = threading.main_thread()
    return (len({ident for ident, *_ in answers}), len({native for _, native, *_ in answers}),
            all(own and native for *_, own, native in answers), main is threading.current_thread(),
            threading.active_count(), main.name)


@case
def joins():
    gate = threading.Event()
    waiting = threading.Thread(target=gate.wait)
    unstarted = threading.Thread()
    waiting.start()
    late = waiting.join(SOON), waiting.is_alive()
    several = [threading.Thread(target=waiting.join) for _ in range(5)]
    for one in several:
        one.start()
    gate.set()
    for one in several:
        one.join()
    return (late, waiting.is_alive(), waiting.join(), outcome(waiting.start), outcome(unstarted.join),
            outcome(threading.current_thread().join), together(1, lambda _: outcome(threading.current_thread().join)))


@case
def exceptions():
    seen = []
    before = threading.excepthook
    threading.excepthook = lambda arguments: seen.append((arguments.exc_type.__name__, str(arguments.exc_value),
                                                          arguments.thread.name))

    def fail(number):
        if number == 3:
            raise SystemExit  # says nothing
        raise ValueError(number)

    threads = [threading.Thread(target=fail, args=(number,), name=f"failing {number}") for number in range(4)]
    for thread in threads:
        thread.start()
        thread.join()
    threading.excepthook = before
    with contextlib.redirect_stderr(io.StringIO()) as text:
        thread = threading.Thread(target=fail, args=(1,), name="loud")
        thread.start()
        thread.join()
    return seen, "Exception in thread loud" in text.getvalue(), text.getvalue().splitlines()[-1]


@case
def traces():
    lines = []
    threading.settrace(lambda frame, what, _: lines.append((frame.f_code.co_name, what)))
    threading.setprofile(None)
    try:
        def traced():
            return 1
        thread = threading.Thread(target=traced)
        thread.start()
        thread.join()
    finally:
        threading.settrace(None)
    return [line for line in lines if line[0] == "traced"]


@case
def stack_size():
    before = threading.stack_size(16 * 2**20)
    sys.setrecursionlimit(20_000)

    def deep(level):
        return 1 + max(map(deep, [level - 1])) if level else 0  # through C, so that it uses the stack

    try:
        depths = together(3, lambda _: deep(1_500))
    finally:
        sys.setrecursionlimit(1_000)
        now = threading.stack_size(before)
    small = threading.stack_size(256 * 1024), together(3, lambda number: sum(range(number)))
    threading.stack_size(0)
    return before, now, depths, small, outcome(threading.stack_size, 1)


@case
def runaway_recursion():
    def endless(level):
        return endless(level + 1)

    return together(4, lambda _: outcome(endless, 0))


@case
def frames_of_others():
    gate, inside = threading.Event(), threading.Barrier(6)

    def somewhere():
        inside.wait()
        gate.wait()

    threads = [threading.Thread(target=somewhere) for _ in range(5)]
    for thread in threads:
        thread.start()
    inside.wait()
    frames = sys._current_frames()
    found = ["somewhere" in [entry.name for entry in traceback.extract_stack(frames[thread.ident])]
             for thread in threads]
    gate.set()
    for thread in threads:
        thread.join()
    return found


@case
def five_hundred():
    met = threading.Barrier(500)
    return sum(together(500, lambda number: (met.wait() >= 0) * number))


@case
def computing():
    """The interpreter's lock goes round while all compute."""
    return together(4, lambda number: sum(i * i for i in range(200_000 + number)))


AT_EXIT = """
import atexit, threading, time
gate = threading.Event()
threading.Thread(target=gate.wait, daemon=True).start()
threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
def compute():
    while True: pass
threading.Thread(target=compute, daemon=True).start()
def late():
    threading.main_thread().join()
    print("a thread that is no daemon goes on after main")
threading.Thread(target=late).start()
threading._register_atexit(print, "threading's own handler")
atexit.register(lambda: print("handler"))
print("main ends")
"""


@case
def exit_with_threads():
    """Three daemons, one of which computes, do not hold the process up; another thread does."""
    done = subprocess.run([sys.executable, "-c", AT_EXIT], capture_output=True, text=True)
    failing = subprocess.run([sys.executable, "-c", AT_EXIT + "raise SystemExit(3)"], capture_output=True, text=True)
    return done.returncode, done.stdout.splitlines(), failing.returncode, failing.stdout == done.stdout


run()
