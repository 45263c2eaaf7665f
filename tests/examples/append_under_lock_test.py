"""The texts, which come in pieces at the same time, stand whole in the file, each under its own number."""
import os
import re
import tempfile
import threading
import unittest

from example import Example, Listener, main

NAMES = [f"text-{i}" for i in range(12)]


def text_of(name):
    return "".join(f"{name} line {i} {'x' * 500}\n" for i in range(40))


class AppendUnderLock(unittest.TestCase):
    def test_no_text_is_mixed_with_another(self):
        all_here = threading.Barrier(len(NAMES))

        def serve(connection):
            name = connection.makefile().readline().strip()
            all_here.wait()  # all of them are fetched at once
            for line in text_of(name).splitlines(keepends=True):
                connection.sendall(line.encode())

        with tempfile.TemporaryDirectory() as folder, Listener(serve) as server:
            path = os.path.join(folder, "journal")
            with Example(path, f"127.0.0.1:{server.port}", *NAMES) as program:
                said = dict(re.fullmatch(r"(\S+) is number (\d+)", line).groups() for line in program.rest())
            self.assertEqual(sorted(said), sorted(NAMES))
            names = sorted(NAMES, key=lambda name: int(said[name]))
            with open(path) as file:
                expected = "".join(f"-- {i}\n{text_of(name)}" for i, name in enumerate(names, 1))
                self.assertEqual(file.read(), expected)


main()
