"""socketserver: threads and processes that answer over TCP, UDP and Unix sockets."""
import os
import socket
import socketserver
import tempfile
import threading

from cases import case, run

CLIENTS = 20


class Lines(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line.strip().upper() + b" %d\n" % (os.getpid() == served_by))


class Datagrams(socketserver.BaseRequestHandler):
    def handle(self):
        data, connection = self.request
        connection.sendto(data.upper(), self.client_address)


def converse(connection, number):
    with connection, connection.makefile("rwb") as file:
        answers = []
        for step in range(5):
            file.write(b"client %d says %d\n" % (number, step))
            file.flush()
            answers.append(file.readline().decode().strip())
        connection.shutdown(socket.SHUT_WR)  # forked servers have inherited what other threads have open
        return answers


def ask(connection, number):
    with connection:
        connection.settimeout(20)
        connection.send(b"client %d" % number)
        return connection.recv(100).decode()


def served(server, talk, connect):
    """What so many clients at once are answered, each by a thread."""
    global served_by
    served_by = os.getpid()
    answers = [None] * CLIENTS

    def client(number):
        answers[number] = talk(connect(number), number)

    with server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        clients = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
        for thread in clients:
            thread.start()
        for thread in clients:
            thread.join()
        server.shutdown()
        serving.join()
    return answers


class Tcp(socketserver.ThreadingTCPServer):
    request_queue_size = CLIENTS
    allow_reuse_address = True


class ForkingTcp(socketserver.ForkingTCPServer):
    request_queue_size = CLIENTS


class Stream(socketserver.ThreadingUnixStreamServer):
    request_queue_size = CLIENTS


@case
def tcp():
    server = Tcp(("127.0.0.1", 0), Lines)
    return served(server, converse, lambda _: socket.create_connection(server.server_address))


@case
def forking_tcp():
    server = ForkingTcp(("127.0.0.1", 0), Lines)
    return served(server, converse, lambda _: socket.create_connection(server.server_address))


@case
def udp():
    def connect(_):
        connection = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        connection.connect(server.server_address)
        return connection

    server = socketserver.ThreadingUDPServer(("127.0.0.1", 0), Datagrams)
    return served(server, ask, connect)


@case
def unix_stream():
    with tempfile.TemporaryDirectory() as directory:
        def connect(_):
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(server.server_address)
            return connection

        server = Stream(os.path.join(directory, "socket"), Lines)
        return served(server, converse, connect)


@case
def unix_datagram():
    with tempfile.TemporaryDirectory() as directory:
        def connect(number):
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            connection.bind(os.path.join(directory, f"client {number}"))
            connection.connect(server.server_address)
            return connection

        server = socketserver.ThreadingUnixDatagramServer(os.path.join(directory, "socket"), Datagrams)
        return served(server, ask, connect)


@case
def service_actions():
    """A server that handles requests itself, one after the other, with a timeout between them."""
    counted = []

    class Counting(socketserver.TCPServer):
        timeout = 0.01
        request_queue_size = CLIENTS

        def handle_timeout(self):
            counted.append(0)

    with Counting(("127.0.0.1", 0), Lines) as server:
        server.handle_request()
        answers = []
        client = threading.Thread(
            target=lambda: answers.append(converse(socket.create_connection(server.server_address), 1)))
        client.start()
        while not answers:
            server.handle_request()
        client.join()
    return len(counted) >= 1, answers


run()
