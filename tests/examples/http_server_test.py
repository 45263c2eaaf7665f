"""HTTP/1.1 as Python's own client speaks it: connections that stay, pipelines, bodies, errors; nobody waits for others."""
import http.client
import unittest

from example import Example, main


class Http(unittest.TestCase):
    def ask(self, connection, method, path, body=None):
        connection.request(method, path, body)
        response = connection.getresponse()
        return response.status, response.read()

    def test_a_connection_serves_many_requests(self):
        with Example("0") as program:
            connection = http.client.HTTPConnection("127.0.0.1", program.port())
            for _ in range(3):
                self.assertEqual(self.ask(connection, "GET", "/"), (200, b"hello\n"))
            self.assertEqual(self.ask(connection, "GET", "/none"), (404, b""))
            body = b"x" * 500_000
            self.assertEqual(self.ask(connection, "POST", "/", body), (200, body))
            connection.close()
            program.stop()

    def test_a_body_in_chunks_is_one_body(self):
        with Example("0") as program:
            connection = http.client.HTTPConnection("127.0.0.1", program.port())
            connection.request("POST", "/", iter([b"one ", b"two"]), encode_chunked=True,
                               headers={"Transfer-Encoding": "chunked"})
            self.assertEqual(connection.getresponse().read(), b"one two")
            connection.close()

    def test_requests_in_a_row_are_answered_in_a_row(self):
        with Example("0") as program, program.connect() as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /none HTTP/1.1\r\nHost: x\r\n\r\n"
                               b"GET / HTTP/1.0\r\n\r\n")
            with connection.makefile("rb") as file:
                answer = file.read()
            self.assertEqual([line for line in answer.splitlines() if line.startswith(b"HTTP/")],
                             [b"HTTP/1.1 200 OK", b"HTTP/1.1 404 Not Found", b"HTTP/1.0 200 OK"])

    def test_what_is_no_http_is_refused(self):
        with Example("0") as program, program.connect() as connection:
            connection.sendall(b"\x00\x01\x02\r\n\r\n")
            with connection.makefile("rb") as file:
                self.assertTrue(file.read().startswith(b"HTTP/1.1 400 "))

    def test_who_waits_for_an_answer_holds_up_nobody(self):
        with Example("0") as program:
            waiting = [http.client.HTTPConnection("127.0.0.1", program.port()) for _ in range(20)]
            for connection in waiting:
                connection.request("GET", "/next")
            other = http.client.HTTPConnection("127.0.0.1", program.port())
            self.assertEqual(self.ask(other, "GET", "/"), (200, b"hello\n"))
            self.assertEqual(self.ask(other, "POST", "/", b"news"), (200, b"news"))
            for connection in waiting:
                self.assertEqual(connection.getresponse().read(), b"news")
                connection.close()
            other.close()


main()
