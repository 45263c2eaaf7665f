"""Runs a program of examples/ for its test: name_test.py PROGRAM, with unittest's cases.

    class Echo(unittest.TestCase):
        def test_answers(self):
            with Example("0") as program, program.connect() as connection:
                connection.sendall(b"hello\n")
                self.assertEqual(connection.makefile().readline(), "hello\n")

    main()

A server takes its port as the first argument, listens on 127.0.0.1, and prints a line with the port at its end once it
does: "listening on 127.0.0.1:40001". No test asserts how long at most something takes; meson ends what hangs.
"""
import re
import signal
import socket
import subprocess
import sys
import threading
import unittest

SKIPPED = 77  # as meson has it


class Example:
    """The program as a child, with its output line by line; it is gone at the end of the with statement."""

    def __init__(self, *arguments, **options):
        command = [sys.argv[1], *map(str, arguments)]
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, **options}
        self.process = subprocess.Popen(command, text=True, **options)
        self.seen = []  # the lines of its output that were read so far
        self._port = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()  # this child alone, by its id
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe:
                pipe.close()

    def line(self):
        """The next line of its output."""
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"{sys.argv[1]} ended its output after {self.seen}")
        self.seen.append(line.rstrip("\n"))
        return self.seen[-1]

    def port(self):
        """Where it listens: the number at the end of the first line that has one."""
        while self._port is None:
            found = re.search(r":(\d+)$", self.line())
            self._port = found and int(found.group(1))
        return self._port

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port()))

    def rest(self):
        """The other lines of its output, once it has ended by itself, which it must do without an error."""
        rest = self.process.stdout.read().splitlines()
        self.seen += rest
        status = self.process.wait()
        if status != 0:
            raise AssertionError(f"{sys.argv[1]} ended with status {status} after {self.seen}")
        return rest

    def stop(self, by=signal.SIGTERM):
        """Sends it a signal, and returns the other lines of its output, as rest()."""
        self.process.send_signal(by)
        return self.rest()


class Listener:
    """What a program connects to: each connection is given to serve(socket), on a thread of its own."""

    def __init__(self, serve):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port = self.listener.getsockname()[1]
        self._serve = serve
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=[connection], daemon=True).start()

    def _one(self, connection):
        with connection:
            try:
                self._serve(connection)
            except ConnectionError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)  # so that accept ends
        self.listener.close()


def main():
    if len(sys.argv) < 2:
        print("the example was not built: a library that it needs is not installed (tools/packages check)")
        sys.exit(SKIPPED)
    unittest.main(module="__main__", argv=sys.argv[:1], verbosity=2)
