#!/usr/bin/python3
"""Prints every public name of the installed gevent, module.name or module.Class.member, a line each, sorted.

A member is named where it is defined, once; those of private base classes at each public class that has them. Of what
gevent takes from Python's library unchanged nothing is named: that is no name of gevent's. What an instance gets in its
__init__ alone cannot be seen from outside, and stands in the table by hand.
"""
import importlib
import inspect

WHOLE = ["gevent", "baseserver", "event", "exceptions", "greenlet", "hub", "local", "lock", "os", "pool", "queue",
         "select", "selectors", "server", "signal", "socket", "subprocess", "threadpool", "time", "timeout", "util"]
NO_MEMBERS = ["backdoor", "events", "monkey", "pywsgi", "ssl"]  # little or nothing is here for it
OPERATORS = {"__bool__", "__call__", "__contains__", "__enter__", "__exit__", "__iter__", "__len__", "__next__"}


def is_public(name):
    return not name.startswith("_") or name in OPERATORS


def names_of(module):
    """What the module offers: its own list, or what is defined by gevent in it."""
    own = [*(getattr(module, "__implements__", None) or []), *(getattr(module, "__extensions__", None) or [])]
    listed = own or getattr(module, "__all__", None)
    if listed is None:
        listed = [name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
    return filter(is_public, listed)


def members_of(cls, public):
    for name in filter(is_public, dir(cls)):
        definer = next((base for base in cls.__mro__ if name in vars(base)), object)
        if definer.__module__.startswith(("gevent", "greenlet")) and (definer is cls or definer not in public):
            yield name


def main():
    names, homes = set(), {}
    for short in WHOLE + NO_MEMBERS:
        module = importlib.import_module("gevent" if short == "gevent" else "gevent." + short)
        for name in names_of(module):
            names.add(f"{short}.{name}")
            value = getattr(module, name, None)
            if inspect.isclass(value) and value.__module__.startswith("gevent") and short not in NO_MEMBERS:
                # The module where it is defined, or else the last that offers it: gevent.Timeout is timeout.Timeout.
                if value not in homes or value.__module__ == module.__name__ or homes[value].startswith("gevent."):
                    homes[value] = f"{short}.{name}"
    for cls, home in homes.items():
        names.update(f"{home}.{member}" for member in members_of(cls, homes))
    print("\n".join(sorted(names)))


main()
