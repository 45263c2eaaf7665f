"""Look-ups by a name server that is slow: it answers nobody before all have asked and another thread has run for long.

Runs itself again in a mount and a network namespace of its own, where /etc/resolv.conf names a server on loopback: a
child of this program, so that it goes on whatever the program's threads do.
"""
import fcntl
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

LOOKUPS = 20
TICKS = 50
GO = b"go"  # to the server, from the thread that ticks
NOT_POSSIBLE = 77  # meson: skipped
FILES = {
    "/etc/resolv.conf": "nameserver 127.0.0.1\noptions timeout:30 attempts:1\n",
    "/etc/nsswitch.conf": "hosts: files dns\nservices: files\n",
    "/etc/hosts": "127.0.0.1 localhost\n::1 localhost\n10.9.8.7 by-file.example\n",
}
HOST = ".host.example"  # 0.host.example has the address 10.0.0.0, 1.host.example 10.0.0.1, ...


def name_and_type(query):
    """Of the one question in a message of the domain name system."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode())
        at += 1 + query[at]
    return ".".join(labels), struct.unpack("!H", query[at + 1:at + 3])[0], query[12:at + 5]


def answer_to(query):
    name, kind, question = name_and_type(query)
    record = b""
    if kind == 1 and name.endswith(HOST):
        record = struct.pack("!HHHIH4B", 0xC00C, 1, 1, 60, 4, 10, 0, 0, int(name[:-len(HOST)]))
    code = 0x8180 if name.endswith(HOST) else 0x8183
    return query[:2] + struct.pack("!5H", code, 1, 1 if record else 0, 0, 0) + question + record


def serve(ready):
    """The server: holds all questions until LOOKUPS names under HOST are asked for and GO has come."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    os.write(ready, b"r")
    held, names, may_go = [], set(), False
    while True:
        query, client = server.recvfrom(512)
        if query == GO:
            may_go = True
        else:
            held.append((query, client))
            names.add(name_and_type(query)[0])
        if may_go and len(names) >= LOOKUPS:
            for question, asker in held:
                server.sendto(answer_to(question), asker)
            held = []


def outcome(call, *arguments):
    try:
        return call(*arguments)
    except OSError as error:
        return f"{type(error).__name__}: {error}"


def tick():
    for _ in range(TICKS):
        time.sleep(0.001)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(GO, ("127.0.0.1", 53))


def look_up():
    results = {}

    def ask(name):
        results[name] = outcome(socket.getaddrinfo, name, 80, socket.AF_INET, socket.SOCK_STREAM)

    threads = [threading.Thread(target=ask, args=(f"{i}{HOST}",)) for i in range(LOOKUPS)]
    threads.append(threading.Thread(target=tick))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in sorted(results):
        print(name, results[name])
    for host in ("localhost", "127.0.0.1", "::1", "by-file.example", "no-such-host.invalid", "", None):
        print(host, outcome(socket.getaddrinfo, host, "http", 0, socket.SOCK_STREAM))
    print(outcome(socket.getaddrinfo, "127.0.0.1", "no-such-service"))
    for address in ("127.0.0.1", "10.9.8.7", "10.9.8.6"):
        print(address, outcome(socket.getnameinfo, (address, 443), 0), outcome(socket.gethostbyaddr, address))
    print(outcome(socket.gethostbyname, "7" + HOST), outcome(socket.gethostbyname_ex, "by-file.example"))


def inside():
    with tempfile.TemporaryDirectory() as directory:
        for number, (path, text) in enumerate(FILES.items()):
            with open(f"{directory}/{number}", "w") as file:
                file.write(text)
            subprocess.run(["mount", "--bind", f"{directory}/{number}", path], check=True)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            is_up = struct.pack("16sH14x", b"lo", 1)
            fcntl.ioctl(any_socket, 0x8914, is_up)  # SIOCSIFFLAGS
        ready, tell = os.pipe()
        server = subprocess.Popen([sys.executable, __file__, "serve", str(tell)], pass_fds=[tell])
        try:
            os.close(tell)
            if os.read(ready, 1) != b"r":
                sys.exit("the name server did not start")
            look_up()
        finally:
            server.kill()
            server.wait()
            for path in FILES:
                subprocess.run(["umount", path], check=True)


if __name__ == "__main__":
    unshare = ["unshare", "--map-root-user", "--mount", "--net"]
    if sys.argv[1:] == ["inside"]:
        inside()
    elif sys.argv[1:2] == ["serve"]:
        serve(int(sys.argv[2]))
    elif subprocess.run(unshare + ["true"], stderr=subprocess.DEVNULL).returncode != 0:
        print("namespaces are not allowed here")
        sys.exit(NOT_POSSIBLE)
    else:
        os.execvp(unshare[0], unshare + [sys.executable, __file__, "inside"])
