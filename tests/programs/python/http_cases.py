"""http.server and urllib: 30 clients at once, errors, redirects, uploads, and TLS between threads of one process."""
import http.client
import http.server
import json
import os
import ssl
import subprocess
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request

from cases import case, outcome, run
from together import together


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        url = urllib.parse.urlparse(self.path)
        if url.path == "/missing":
            self.send_error(404)
        elif url.path == "/moved":
            self.answer(302, b"", Location="/text?size=3")
        elif url.path == "/chunks":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for number in range(20):
                self.wfile.write(b"5\r\n%05d\r\n" % number)
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.answer(200, b"x" * int(urllib.parse.parse_qs(url.query)["size"][0]))

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(200, json.dumps({"size": len(body), "sum": sum(body), "type": self.headers["Content-Type"]}).encode())

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 100

    def handle_error(self, *arguments):
        """Says nothing of clients that refuse our certificate."""


def served(ask, context=None):
    """What ask(base address) returns while a server runs."""
    with Server(("127.0.0.1", 0), Handler) as server:
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            return ask(f"http{'s' if context else ''}://localhost:{server.server_address[1]}")
        finally:
            server.shutdown()
            serving.join()


def get(url, data=None, context=None):
    try:
        with urllib.request.urlopen(url, data, context=context) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, len(error.read()) > 0


@case
def urllib_request():
    def ask(base):
        return (get(base + "/text?size=10"), get(base + "/missing"), get(base + "/moved"), get(base + "/chunks"),
                get(base + "/post", b"a form"), outcome(get, "http://127.0.0.1:1/nobody"))

    return served(ask)


@case
def thirty_clients():
    def ask(base):
        return together(30, lambda number: [len(get(f"{base}/text?size={number * 1000 + step}")[1])
                                            for step in range(3)])

    return served(ask)


@case
def connections_that_stay():
    def ask(base):
        def client(number):
            connection = http.client.HTTPConnection(base.removeprefix("http://"))
            sizes = []
            for step in range(10):
                connection.request("GET", f"/text?size={number + step}")
                sizes.append(len(connection.getresponse().read()))
            connection.close()
            return sizes

        return together(10, client)

    return served(ask)


@case
def large_bodies():
    data = bytes(range(256)) * 8000

    def ask(base):
        return together(4, lambda number: (get(base + "/post", data[number:])[1],
                                           len(get(base + "/text?size=3000000")[1])))

    return served(ask)


@case
def files():
    """SimpleHTTPRequestHandler."""
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=directory)

        def log_message(self, *arguments):
            pass

    with tempfile.TemporaryDirectory() as directory:
        for number in range(5):
            with open(os.path.join(directory, str(number)), "wb") as file:
                file.write(b"y" * number * 100_000)
        with Server(("127.0.0.1", 0), Quiet) as server:
            serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            serving.start()
            base = f"http://localhost:{server.server_address[1]}/"
            results = together(10, lambda number: len(get(base + str(number % 5))[1]))
            missing = get(base + "nothing")
            server.shutdown()
            serving.join()
        return results, missing


def certified(directory):
    """Contexts of a server and of clients that trust it."""
    certificate, key = os.path.join(directory, "certificate"), os.path.join(directory, "key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost", "-out", certificate, "-keyout", key], check=True,
                   capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, ssl.create_default_context(cafile=certificate)


@case
def tls():
    with tempfile.TemporaryDirectory() as directory:
        context, trusting = certified(directory)

        def ask(base):
            def client(number):
                data = bytes([number]) * 100_000
                return get(base + "/post", data, trusting)[1], len(get(base + f"/text?size={number}", None, trusting)[1])

            return together(15, client), outcome(get, base, None, ssl.create_default_context())

        return served(ask, context)


@case
def tls_versions():
    with tempfile.TemporaryDirectory() as directory:
        context, trusting = certified(directory)
        results = []
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            trusting.minimum_version = trusting.maximum_version = version
            results.append(served(lambda base: together(5, lambda number: get(base + "/text?size=3", None, trusting)),
                                  context))
        return results


run()
