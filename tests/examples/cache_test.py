"""Clients are served at once, also while the origin hangs, and see its new values later."""
import itertools
import select
import threading
import unittest

from example import Example, Listener, main


class Origin(Listener):
    """Counts, while it may."""

    def __init__(self):
        self.numbers = itertools.count(1)
        self.may_answer = threading.Event()
        self.hangs = threading.Event()  # somebody waits for an answer
        super().__init__(self.answer)

    def answer(self, connection):
        if not self.may_answer.is_set():
            self.hangs.set()
            self.may_answer.wait()
        connection.sendall(b"%d\n" % next(self.numbers))


class Cache(unittest.TestCase):
    def ask(self, program):
        with program.connect() as client, client.makefile() as file:
            return int(file.readline())

    def wait_for_more_than(self, program, number):
        while self.ask(program) <= number:
            pass

    def test_the_last_value_is_served_while_the_origin_hangs(self):
        with Origin() as origin:
            origin.may_answer.set()
            with Example("0", f"127.0.0.1:{origin.port}") as program:
                self.wait_for_more_than(program, 2)  # it is refreshed
                origin.may_answer.clear()
                origin.hangs.wait()
                last = self.ask(program)
                for _ in range(20):
                    self.assertEqual(self.ask(program), last)
                while "the old value stays" not in program.line():
                    pass
                self.assertEqual(self.ask(program), last)
                origin.may_answer.set()
                self.wait_for_more_than(program, last)

    def test_who_comes_before_the_first_value_waits_for_it(self):
        with Origin() as origin, Example("0", f"127.0.0.1:{origin.port}") as program, program.connect() as client:
            origin.hangs.wait()
            self.assertEqual(select.select([client], [], [], 0.1)[0], [])
            origin.may_answer.set()
            with client.makefile() as file:
                self.assertGreater(int(file.readline()), 0)


main()
