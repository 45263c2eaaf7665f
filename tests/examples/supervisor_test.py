"""Commands that end are started again, their output is shown, and none is left when the supervisor stops."""
import os
import re
import signal
import unittest

from example import Example, main


def pid_of(program, name):
    """Reads on to where that command is started."""
    while True:
        found = re.fullmatch(rf"{name}: started as (\d+)", program.line())
        if found:
            return int(found.group(1))


def await_line(program, wanted):
    while program.line() != wanted:
        pass


def is_there(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Supervisor(unittest.TestCase):
    def test_output_is_shown_with_who_wrote_it(self):
        with Example("sh -c 'echo from one; exec sleep 1000'", "sh -c 'echo from two >&2; exec sleep 1000'") as program:
            while not {"1: from one", "2: from two"} <= set(program.seen):
                program.line()
            program.stop()

    def test_who_ends_is_started_again(self):
        with Example("sh -c 'exit 3'") as program:
            first = pid_of(program, 1)
            await_line(program, "1: ended with 3")
            second = pid_of(program, 1)
            await_line(program, "1: ended with 3")
            pid_of(program, 1)
            self.assertNotEqual(first, second)
            program.stop()

    def test_who_is_killed_is_started_again_and_the_others_run_on(self):
        with Example("sleep 1000", "sleep 1001") as program:
            victim = pid_of(program, 1)
            os.kill(victim, signal.SIGKILL)
            await_line(program, "1: ended by signal 9")
            self.assertNotEqual(pid_of(program, 1), victim)
            self.assertEqual(sum(line.startswith("2: started") for line in program.seen), 1)
            program.stop()

    def test_none_is_left_when_it_stops(self):
        with Example("sleep 1000", "sh -c 'trap \"\" TERM; echo ready; while :; do sleep 0.01; done'") as program:
            await_line(program, "2: ready")
            pids = [int(line.split()[-1]) for line in program.seen if "started as" in line]
            self.assertEqual(program.stop()[-1], "all stopped")
            self.assertEqual(len(pids), 2)
            self.assertFalse(any(map(is_there, pids)))


main()
