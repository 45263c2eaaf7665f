"""The first answer is printed, and the other servers see their connections closed while the program runs on."""
import queue
import subprocess
import threading
import unittest

from example import Example, Listener, main


class Server(Listener):
    """Answers when it may, and notes when the other side is gone."""

    def __init__(self, answer):
        self.answer = answer
        self.may_answer = threading.Event()
        self.asked = threading.Event()
        self.left = queue.Queue()
        super().__init__(self.talk)

    def talk(self, connection):
        if not connection.recv(100):
            return
        self.asked.set()
        if self.answer and self.may_answer.wait():
            connection.sendall(self.answer)
        self.left.put(connection.recv(100))  # nothing: it is closed

    def address(self):
        return f"127.0.0.1:{self.port}"


class FirstCompleted(unittest.TestCase):
    def test_the_first_answer_wins_and_the_others_are_dropped(self):
        with Server(b"") as never, Server(b"noon\n") as quick, Server(b"midnight\n") as slow:
            servers = [never, quick, slow]
            with Example(*(s.address() for s in servers), stdin=subprocess.PIPE) as program:
                for server in servers:
                    server.asked.wait()
                quick.may_answer.set()
                self.assertEqual(program.line(), "noon")
                self.assertEqual(never.left.get(), b"")
                self.assertIsNone(program.process.poll())  # closed by the program, not by its end
                slow.may_answer.set()

    def test_a_server_that_is_down_is_no_answer(self):
        with Server(b"noon\n") as quick, Listener(lambda connection: None) as silent:
            quick.may_answer.set()
            with Example(f"127.0.0.1:{silent.port}", quick.address(), stderr=subprocess.DEVNULL) as program:
                self.assertEqual(program.rest(), ["noon"])

    def test_all_are_down(self):
        with Listener(lambda connection: None) as silent:
            with Example(f"127.0.0.1:{silent.port}", stderr=subprocess.DEVNULL) as program:
                self.assertEqual(program.rest(), ["no answer: nobody has answered"])


main()
