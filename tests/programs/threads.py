"""A thousand threads sleep half a second at the same time; each has its own threading.local."""
import sys
import threading
import time

THREADS = 1000

local = threading.local()
lock = threading.Lock()
right = 0


def sleep_and_check(number):
    global right
    local.number = number
    time.sleep(0.5)
    with lock:
        right += local.number == number


def main():
    begin = time.monotonic()
    threads = [threading.Thread(target=sleep_and_check, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"{right} of {THREADS} threads kept their own value")
    print(f"in {time.monotonic() - begin:.2f} s", file=sys.stderr)


main()
