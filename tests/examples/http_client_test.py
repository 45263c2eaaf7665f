"""All requests are there at once, and each answer is told as soon as it comes, however it tells its length."""
import threading
import unittest

from example import Example, Listener, main

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n3\r\n+3!\r\n0\r\n\r\n"


class Client(unittest.TestCase):
    def test_all_requests_are_under_way_at_once(self):
        together = threading.Barrier(5)

        def serve(connection):
            path = connection.makefile("rb").readline().split()[1]
            together.wait()  # nobody is answered before all have asked
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(path), path))

        with Listener(serve) as server:
            paths = ["/" + "x" * size for size in range(5)]
            with Example(f"127.0.0.1:{server.port}", *paths) as program:
                self.assertEqual(sorted(program.rest()), [f"200 {path} {len(path)}" for path in sorted(paths)])

    def test_the_first_answer_is_told_first(self):
        told = threading.Event()

        def serve(connection):
            path = connection.makefile("rb").readline().split()[1]
            if path == b"/slow":
                told.wait()
            connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

        with Listener(serve) as server, Example(f"127.0.0.1:{server.port}", "/slow", "/quick") as program:
            self.assertEqual(program.line(), "404 /quick 0")
            told.set()
            self.assertEqual(program.rest(), ["404 /slow 0"])

    def test_chunks_and_the_end_of_the_stream_end_a_body_and_rubbish_fails(self):
        answers = {b"/chunks": CHUNKED, b"/end": b"HTTP/1.0 200 OK\r\n\r\nuntil the end", b"/rubbish": b"\0\0\0\0\r\n",
                   b"/cut": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"}

        def serve(connection):
            file = connection.makefile("rb")
            path = file.readline().split()[1]
            while file.readline() != b"\r\n":
                pass
            connection.sendall(answers[path])

        with Listener(serve) as server:
            for path, expected in (("/chunks", "200 /chunks 7"), ("/end", "200 /end 13"), ("/rubbish", "failed: "),
                                   ("/cut", "failed: ")):
                with Example(f"127.0.0.1:{server.port}", path) as program:
                    self.assertTrue(program.rest()[0].startswith(expected), program.seen)


main()
