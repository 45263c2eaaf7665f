"""Several processes answer at one port; one that dies is followed by another; all end with the parent."""
import os
import signal
import unittest

from example import Example, main


def ask(program, text="x"):
    """The process that answers; None where it died instead."""
    with program.connect() as connection, connection.makefile("rw") as file:
        file.write(text + "\n")
        file.flush()
        answer = file.readline()
        return int(answer.split()[0]) if answer else None


def is_there(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


class Prefork(unittest.TestCase):
    def answering(self, program):
        """The processes that answer, once there are three."""
        seen = set()
        while len(seen) < 3:
            try:
                seen.add(ask(program))
            except ConnectionRefusedError:
                pass  # the first one does not listen yet
        return seen

    def test_all_processes_answer_and_end_with_the_parent(self):
        with Example("0", 3) as program:
            children = self.answering(program)
            self.assertNotIn(program.process.pid, children)
            self.assertEqual(len(children), 3)
            program.stop()
            self.assertFalse(any(map(is_there, children)))

    def test_a_process_that_dies_is_followed_by_another(self):
        with Example("0", 3) as program:
            before = self.answering(program)
            self.assertIsNone(ask(program, "crash"))
            self.assertEqual(program.line(), "a child has died; here is another")
            after = self.answering(program)
            while len(after & before) > 2:
                after = self.answering(program)
            self.assertEqual(len(after - before), 1)
            program.stop(signal.SIGTERM)


main()
