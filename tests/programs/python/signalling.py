"""What the cases about signals share."""
import os
import signal
import threading
import time

SOON = 0.02  # seconds that a wait with a timeout takes


class Handled:
    """Counts a signal while it lasts; the first time it raises `error` where there is one."""

    def __init__(self, number, error=None):
        self.number, self.error, self.seen, self.threads = number, error, 0, set()

    def __enter__(self):
        self.before = signal.signal(self.number, self.handle)
        return self

    def __exit__(self, *_):
        signal.signal(self.number, self.before)

    def handle(self, number, _):
        self.seen += 1
        self.threads.add(threading.current_thread() is threading.main_thread())
        if self.error and self.seen == 1:
            raise self.error

    def wait(self, count=1):
        while self.seen < count:
            time.sleep(0.001)
        return self.seen


def later(function, *arguments):
    thread = threading.Thread(target=function, args=arguments)
    thread.start()
    return thread


def ring(number=signal.SIGUSR1):
    os.kill(os.getpid(), number)
