#!/usr/bin/python3
"""overflow.py LAUNCHER OVERFLOW: what a SIGSEGV natively does, it does under evergreen; and a stack overflow is told.

Each way to die of programs/overflow.c runs natively and preloaded. Both end alike; only the overflow of a thread's
stack, preloaded, prints a line that names the greenlet, its stack size, and how to raise it.
"""
import re
import resource
import signal
import subprocess
import sys
import unittest

LINE = re.compile(r"^evergreen: stack overflow in greenlet \d+.*$", re.MULTILINE)
LIMIT = 30
HANDLED = (3, "the program's own handler\n")


def run(command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT, text=True)


class Overflow(unittest.TestCase):
    def run_both(self, how):
        for command in ([program], [launcher, program]):
            yield command[0] == launcher, run(command + [how])

    def check_dies(self, how, line_size=None):
        for is_preloaded, done in self.run_both(how):
            self.assertEqual(done.returncode, -signal.SIGSEGV, done.stderr)
            lines = LINE.findall(done.stderr)
            if is_preloaded and line_size:
                self.assertEqual(len(lines), 1, done.stderr)
                self.assertRegex(lines[0], line_size)
                self.assertRegex(lines[0], "--stack-size|EVERGREEN_STACK_SIZE|pthread_attr_setstacksize")
            else:
                self.assertEqual(done.stderr, "")

    def check_handled(self, how):
        for _, done in self.run_both(how):
            self.assertEqual((done.returncode, done.stdout), HANDLED, done.stderr)
            self.assertEqual(done.stderr, "")

    def test_a_thread_overflows_its_stack(self):
        self.check_dies("thread", r"8 ?MiB|8192 ?KiB|8388608")

    def test_a_thread_overflows_a_small_stack(self):
        self.check_dies("small-stack", r"64 ?KiB|65536")

    def test_the_stack_size_can_be_raised_as_the_line_says(self):
        self.assertEqual(run([launcher, program, "deep"]).returncode, -signal.SIGSEGV)
        done = run([launcher, "--stack-size", "64M", program, "deep"])
        self.assertEqual((done.returncode, done.stdout), (0, "came back\n"), done.stderr)
        done = run([launcher, "--stack-size", "256K", program, "thread"])
        self.assertRegex(done.stderr, r"256 ?KiB|262144")

    def test_a_thread_writes_to_null(self):
        self.check_dies("null")

    def test_a_thread_writes_to_no_mans_land(self):
        self.check_dies("far")

    def test_the_main_thread_writes_to_null(self):
        self.check_dies("main-null")

    def test_a_program_with_its_own_handler_handles_a_threads_null(self):
        self.check_handled("handled-null")

    def test_a_program_with_its_own_handler_handles_a_threads_overflow(self):
        self.check_handled("handled-overflow")

    def test_a_program_with_its_own_handler_handles_null(self):
        self.check_handled("handled-main-null")

    def test_a_program_with_its_own_handler_handles_its_overflow(self):
        self.check_handled("handled-main-overflow")


if __name__ == "__main__":
    launcher, program = sys.argv[1:3]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
