"""ssl: sockets of threads that block, with timeouts, both ways at once, and without sockets."""
import os
import socket
import ssl
import subprocess
import tempfile
import threading

from cases import case, outcome, run
from together import together

SOON = 0.02  # seconds that a wait with a timeout takes

directory = tempfile.TemporaryDirectory()


def contexts():
    """Of a server and of a client that trusts it."""
    certificate, key = (os.path.join(directory.name, name) for name in ("certificate", "key"))
    if not os.path.exists(key):  # the first call is main's
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                        "-out", certificate, "-keyout", key], check=True, capture_output=True)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    return server, ssl.create_default_context(cafile=certificate)


def connected():
    """Both ends of a connection whose hands are shaken by two threads."""
    here, there = socket.socketpair()
    server, client = contexts()
    ends = together(2, lambda number: server.wrap_socket(here, server_side=True) if number == 0 else
                    client.wrap_socket(there, server_hostname="localhost"))
    return ends


@case
def echo():
    def converse(number):
        server, client = connected()

        def answer():
            while data := server.recv(10_000):
                server.sendall(data.upper())
            server.close()

        thread = threading.Thread(target=answer)
        thread.start()
        received = []
        for step in range(10):
            client.sendall(b"%d says %d" % (number, step))
            received.append(client.recv(100))
        client.close()
        thread.join()
        return received

    return together(10, converse)


@case
def large_data():
    """More than the socket holds."""
    server, client = connected()
    data = bytes(range(256)) * 20_000

    def act(number):
        if number == 0:
            return client.sendall(data)
        received = bytearray()
        while len(received) < len(data):
            received += server.recv(100_000)
        return received == data

    results = together(2, act)
    server.close(), client.close()
    return results


@case
def both_ways_by_threads():
    server, client = connected()
    with server, client:
        def ping(end):
            for number in range(100):
                end.sendall(b"%04d" % number)
            return b"".join(end.recv(4) for _ in range(100)) == b"".join(b"%04d" % number for number in range(100))

        return together(2, lambda number: ping((server, client)[number]))


@case
def timeouts():
    server, client = connected()
    with server, client:
        client.settimeout(SOON)
        late = outcome(client.recv, 1)
        client.setblocking(False)
        unready = outcome(client.recv, 1)
        client.settimeout(20)
        results = together(2, lambda number: client.recv(10) if number == 0 else server.send(b"after all"))
        return late, unready, results, client.version(), client.getpeercert()["subject"]


@case
def refusals():
    server, client = contexts()
    here, there = socket.socketpair()

    def shake(number):
        if number == 0:
            return outcome(server.wrap_socket, here, server_side=True)
        return outcome(client.wrap_socket, there, server_hostname="elsewhere")

    wrong_name = together(2, shake)
    here, there = socket.socketpair()
    there.sendall(b"this is no TLS at all\n" * 10)
    return wrong_name, outcome(server.wrap_socket, here, server_side=True), there.close()


@case
def without_sockets():
    server, client = contexts()

    def shaken(_):
        buffers = ssl.MemoryBIO(), ssl.MemoryBIO()
        ends = (server.wrap_bio(*buffers, server_side=True),
                client.wrap_bio(*reversed(buffers), server_hostname="localhost"))
        done = [False, False]
        while not all(done):
            for number, end in enumerate(ends):
                try:
                    end.do_handshake()
                    done[number] = True
                except ssl.SSLWantReadError:
                    pass
        ends[1].write(b"in memory")
        return ends[0].read()

    return together(10, shaken)


contexts()
run()
directory.cleanup()
