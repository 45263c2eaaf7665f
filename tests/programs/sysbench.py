#!/usr/bin/python3
"""sysbench.py LAUNCHER: its threads and mutex tests do all their events."""
import re

import contenders


def use(contender):
    def events(*words):
        text = contender.run("sysbench", *words, "run")
        return re.search(r"total number of events: +(\d+)", text)[1], re.search(r"Number of threads: (\d+)", text)[1]

    return (events("threads", "--threads=8", "--thread-yields=50", "--thread-locks=4", "--events=1000", "--time=0"),
            events("mutex", "--threads=8", "--mutex-num=16", "--mutex-locks=2000", "--mutex-loops=100"))


contenders.compare(use, greenlets_min=16, kernel_threads_max=20)
