"""Lines come back, from many clients at once; one that never ends is refused; SIGTERM waits for who is there."""
import signal
import unittest

from example import Example, main


class Echo(unittest.TestCase):
    def test_each_client_gets_its_own_lines_back(self):
        with Example("0") as program:
            clients = [program.connect() for _ in range(50)]
            for number, client in enumerate(clients):
                client.sendall(f"hello {number}\r\nagain\n".encode())
            for number, client in enumerate(reversed(clients)):
                with client, client.makefile("rb") as file:
                    self.assertEqual(file.readline(), f"hello {len(clients) - 1 - number}\n".encode())
                    self.assertEqual(file.readline(), b"again\n")
            self.assertEqual(program.stop()[-1], "stopped")

    def test_a_line_may_come_byte_by_byte_and_the_last_without_an_end(self):
        with Example("0") as program, program.connect() as client, client.makefile("rb") as file:
            for byte in b"slow\n":
                client.sendall(bytes([byte]))
            self.assertEqual(file.readline(), b"slow\n")
            client.sendall(b"last")
            client.shutdown(1)
            self.assertEqual(file.read(), b"last\n")

    def test_a_line_without_end_is_refused_and_the_others_go_on(self):
        with Example("0") as program, program.connect() as endless, program.connect() as other:
            endless.sendall(b"x" * 10_000)
            try:
                self.assertIn(b"longer than 1000 bytes", endless.recv(1000))
            except ConnectionResetError:
                pass  # what we sent, and nobody read, resets the connection: it may be faster than the message
            other.sendall(b"quit\n")
            self.assertEqual(other.recv(100), b"")

    def test_who_is_there_may_finish_when_the_server_stops(self):
        with Example("0") as program, program.connect() as client:
            port = program.port()
            client.sendall(b"one\n")
            self.assertEqual(client.recv(100), b"one\n")
            program.process.send_signal(signal.SIGTERM)
            while True:
                try:
                    program.connect().close()
                except ConnectionRefusedError:
                    break
            client.sendall(b"two\nquit\n")
            self.assertEqual(client.makefile("rb").read(), b"two\n")
            self.assertEqual(program.rest()[-1], "stopped")
            self.assertTrue(port)


main()
