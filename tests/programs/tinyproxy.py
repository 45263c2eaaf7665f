#!/usr/bin/python3
"""tinyproxy.py LAUNCHER: 40 clients at once fetch bodies of all sizes, and errors, through it."""
import http.client
import http.server
import signal
import socket
import threading

import contenders
from servers import free_port

CLIENTS = 40


class Origin(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/missing":
            return self.send_error(404)
        body = self.path.encode() * 3000
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))[::-1]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


class OriginServer(http.server.ThreadingHTTPServer):
    request_queue_size = 2 * CLIENTS


def ask(port, method, url, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=contenders.PATIENCE)
    connection.request(method, url, body)
    response = connection.getresponse()
    text = response.read()
    connection.close()
    return response.status, text if response.status == 200 else len(text) > 0


def use(contender):
    port, results = free_port(), [None] * CLIENTS
    settings = contender.directory / "settings"
    settings.write_text(f"Port {port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 100\nLogLevel Critical\n"
                        f'LogFile "{contender.directory / "log"}"\n')
    with OriginServer(("127.0.0.1", 0), Origin) as origin:
        threading.Thread(target=origin.serve_forever, kwargs={"poll_interval": 0.01}).start()
        base = f"http://127.0.0.1:{origin.server_address[1]}"

        def client(number):
            results[number] = [ask(port, "GET", f"{base}/{number}/{step}") for step in range(3)]
            results[number] += [ask(port, "POST", base, bytes([number]) * 50_000), ask(port, "GET", base + "/missing"),
                                ask(port, "GET", "http://127.0.0.1:1/nobody")]

        try:
            with contender.server("tinyproxy", "-d", "-c", settings, end=signal.SIGTERM,
                                  is_ready=lambda: socket.create_connection(("127.0.0.1", port)).close() or True):
                clients = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
                for thread in clients:
                    thread.start()
                for thread in clients:
                    thread.join()
        finally:
            origin.shutdown()
    return results


contenders.compare(use, greenlets_min=6 * CLIENTS, kernel_threads_max=30)
