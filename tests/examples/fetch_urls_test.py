"""A hundred pages from a server that answers when twenty requests wait for it: they are fetched at once, and no more."""
import subprocess
import threading
import unittest

from example import Example, Listener, main

POOL, PAGES = 20, 100


class Server:
    def __init__(self):
        self.meeting = threading.Barrier(POOL)
        self.lock = threading.Lock()
        self.now = self.most = 0

    def serve(self, connection):
        with connection.makefile() as stream:
            path = stream.readline().split()[1]
            while stream.readline().strip():
                pass
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        if path == "/broken":
            answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        else:
            self.meeting.wait()
            body = path.encode() * 10
            answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body
        with self.lock:
            self.now -= 1
        connection.sendall(answer)


def fetch(urls):
    with Example(stdin=subprocess.PIPE) as program:
        program.process.stdin.write("".join(url + "\n" for url in urls))
        program.process.stdin.close()
        return sorted(program.rest())


class FetchUrls(unittest.TestCase):
    def test_twenty_at_a_time(self):
        server = Server()
        with Listener(server.serve) as listener:
            urls = [f"http://127.0.0.1:{listener.port}/{number:03}" for number in range(PAGES)]
            self.assertEqual(fetch(urls), [f"{url}: 40 bytes" for url in urls])
        self.assertEqual(server.most, POOL)

    def test_what_cannot_be_fetched_is_told(self):
        with Listener(Server().serve) as listener:
            url = f"http://127.0.0.1:{listener.port}/broken"
            self.assertEqual(fetch([url, "nonsense://x"]),
                             [f"{url}: HTTP response code said error", "nonsense://x: Unsupported protocol"])


main()
