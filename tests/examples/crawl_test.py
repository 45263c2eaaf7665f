"""A site that the test serves is crawled: each page once, whatever its links; errors are told and hold up nothing."""
import os
import tempfile
import threading
import unittest

from example import Example, Listener, main

PAGES = {f"/{n}": [f"/{n * 3 + i}" for i in (1, 2, 3) if n * 3 + i < 200] + ["/0", f"/{n}"] for n in range(200)}
PAGES["/1"].append("/broken")


class Site:
    def __init__(self):
        self.asked, self.lock = [], threading.Lock()
        self.at_once = self.most_at_once = 0

    def serve(self, connection):
        path = connection.makefile().readline().split()[1]
        with self.lock:
            self.asked.append(path)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        threading.Event().wait(0.002)
        with self.lock:
            self.at_once -= 1
        if path in PAGES:
            links = "".join(f'<a href="{link}">' for link in PAGES[path])
            connection.sendall(f"HTTP/1.0 200 OK\r\n\r\n{links}".encode() + b"x" * 300000)
        else:
            connection.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SO_LINGER: a reset
            connection.close()


class Crawl(unittest.TestCase):
    def test_each_page_is_stored_once(self):
        site = Site()
        with tempfile.TemporaryDirectory() as folder, Listener(site.serve) as listener:
            path = os.path.join(folder, "pages")
            with Example(f"127.0.0.1:{listener.port}", "/0", path) as program:
                output = program.rest()
            with open(path) as file:
                stored = [line.split() for line in file]
        self.assertEqual(output[-1], "200 pages stored")
        self.assertEqual([line.split(":")[0] for line in output[:-1]], ["/broken"])
        self.assertEqual(sorted(path for path, _ in stored), sorted(PAGES))
        self.assertTrue(all(int(size) > 300000 for _, size in stored))
        self.assertEqual(sorted(site.asked), sorted([*PAGES, "/broken"]))
        self.assertGreater(site.most_at_once, 1)
        self.assertLessEqual(site.most_at_once, 8)

    def test_a_site_that_is_not_there_ends_it(self):
        with tempfile.TemporaryDirectory() as folder, Example("127.0.0.1:1", "/", folder + "/pages") as program:
            output = program.rest()
        self.assertTrue(output[0].startswith("/: "), output)
        self.assertEqual(output[-1], "0 pages stored")


main()
