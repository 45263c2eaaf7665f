"""Bytes go through both ways, and so do the ends of streams; a target that is not there costs that connection alone."""
import socket
import threading
import unittest

from example import Example, Listener, main


def echo(connection):
    while data := connection.recv(65536):
        connection.sendall(data)


def whole(connection):
    data = b""
    while part := connection.recv(65536):
        data += part
    return data


class Forwarder(unittest.TestCase):
    def test_much_goes_both_ways_at_once(self):
        data = bytes(range(256)) * 20_000
        with Listener(echo) as target, Example("0", f"localhost:{target.port}") as program:
            connections = [program.connect() for _ in range(5)]
            for connection in connections:
                def send(connection=connection):
                    connection.sendall(data)
                    connection.shutdown(socket.SHUT_WR)
                threading.Thread(target=send, daemon=True).start()
            for connection in connections:
                with connection:
                    self.assertEqual(whole(connection), data)
            program.stop()

    def test_a_half_closed_connection_still_answers(self):
        def answer_at_the_end(connection):
            connection.sendall(b"%d bytes" % len(whole(connection)))

        with Listener(answer_at_the_end) as target, Example("0", f"127.0.0.1:{target.port}") as program:
            with program.connect() as connection:
                connection.sendall(b"12345")
                connection.shutdown(socket.SHUT_WR)
                self.assertEqual(whole(connection), b"5 bytes")

    def test_when_the_target_is_gone_the_client_hears_it(self):
        with socket.create_server(("127.0.0.1", 0)) as nobody:
            port = nobody.getsockname()[1]
        with Example("0", f"127.0.0.1:{port}") as program:
            for _ in range(2):
                with program.connect() as connection:
                    self.assertEqual(whole(connection), b"")
                self.assertIn("Connection refused", program.line())

    def test_connections_that_are_open_end_when_it_stops(self):
        with Listener(echo) as target, Example("0", f"127.0.0.1:{target.port}") as program:
            with program.connect() as connection:
                connection.sendall(b"x")
                self.assertEqual(connection.recv(1), b"x")
                program.stop()
                self.assertEqual(whole(connection), b"")


main()
