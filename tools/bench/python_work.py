"""python_work.py ROUNDS: pure-Python work in four threads, beside a thread that sleeps 1 ms in a loop.

Prints key=value pairs: the sum that the four make, and how often the sleeper woke.
"""
import sys
import threading
import time

WORKERS = 4


def work(rounds, sums):
    value = total = 1
    for _ in range(rounds):
        value = (value * 1103515245 + 12345) % 2147483648
        total += value & 255
    sums.append(total)


def sleep(is_over, ticks):
    while not is_over.is_set():
        time.sleep(0.001)
        ticks.append(None)


def main():
    sums, ticks, is_over = [], [], threading.Event()
    sleeper = threading.Thread(target=sleep, args=(is_over, ticks))
    workers = [threading.Thread(target=work, args=(int(sys.argv[1]), sums)) for _ in range(WORKERS)]
    begin = time.perf_counter()
    for thread in (sleeper, *workers):
        thread.start()
    for thread in workers:
        thread.join()
    seconds = time.perf_counter() - begin
    is_over.set()
    sleeper.join()
    print(f"sum={sum(sums)} ticks={len(ticks)} seconds={seconds:.3f}")


main()
