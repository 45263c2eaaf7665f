"""Threads that run one function."""
import threading


def together(count, function):
    """Runs function(number) in so many threads; what they returned."""
    results = [None] * count

    def call(number):
        results[number] = function(number)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
