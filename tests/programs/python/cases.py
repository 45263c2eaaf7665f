"""Cases of a program: functions that return what must be the same natively and under evergreen.

PROGRAM [NAME...] runs those of that name. When a run takes too long it says where every thread is, and ends.
"""
import faulthandler
import sys

LIMIT = 40  # seconds

_cases = {}


def case(function):
    _cases[function.__name__] = function
    return function


def run():
    faulthandler.dump_traceback_later(LIMIT, exit=True)
    for name in sys.argv[1:] or _cases:
        print(f"{name}: {_cases[name]()}", flush=True)
    faulthandler.cancel_dump_traceback_later()


def outcome(function, *arguments, **keywords):
    """What it returns, or the name of what it raises."""
    try:
        return function(*arguments, **keywords)
    except BaseException as error:
        return type(error).__name__
