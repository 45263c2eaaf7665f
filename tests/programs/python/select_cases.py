"""select and selectors: every kind waits in threads for what other threads make ready."""
import os
import select
import selectors
import socket
import threading

from cases import case, outcome, run

SOON = 0.02  # seconds that a wait with a timeout takes
KINDS = [selectors.SelectSelector, selectors.PollSelector, selectors.EpollSelector]


def later(function, *arguments):
    thread = threading.Thread(target=function, args=arguments)
    thread.start()
    return thread


def waiting_for(wait, ready):
    """What wait() returns in a thread once ready() was called by another."""
    results = []
    waiter = later(lambda: results.append(wait()))
    later(ready).join()
    waiter.join()
    return results[0]


@case
def select_select():
    reading, writing = os.pipe()
    first = select.select([reading], [], [], SOON), select.select([], [writing], [], 0)[1] == [writing]
    woken = waiting_for(lambda: select.select([reading], [], []), lambda: os.write(writing, b"x"))
    os.close(writing)
    end = select.select([reading], [], [reading], 10)[0] == [reading], os.read(reading, 10), os.read(reading, 10)
    os.close(reading)
    return first, woken[0] == [reading], end, outcome(select.select, [reading], [], [])


@case
def poll():
    one, other = socket.socketpair()
    polled = select.poll()
    polled.register(one, select.POLLIN)
    first = polled.poll(10)
    woken = waiting_for(polled.poll, lambda: other.send(b"x"))
    polled.modify(one, select.POLLOUT)
    out = polled.poll(), one.recv(5)
    polled.modify(one, select.POLLIN)
    other.close()
    hung = [event for _, event in polled.poll()]
    polled.unregister(one)
    one.close()
    return first, [event for _, event in woken], [event for _, event in out[0]], out[1], hung, polled.poll(10)


@case
def epoll():
    one, other = socket.socketpair()
    with select.epoll() as polled:
        polled.register(one, select.EPOLLIN | select.EPOLLET)
        first = polled.poll(SOON)
        woken = waiting_for(polled.poll, lambda: other.send(b"xyz"))
        again = polled.poll(SOON)  # edge-triggered
        polled.modify(one, select.EPOLLIN | select.EPOLLONESHOT)
        once = len(polled.poll()), polled.poll(SOON)
        polled.unregister(one)
        return (first, [event for _, event in woken], again, once, outcome(polled.unregister, one),
                outcome(polled.register, 1000), one.close(), other.close())


@case
def selectors_wake():
    results = []
    for kind in KINDS:
        one, other = socket.socketpair()
        with kind() as selector, one, other:
            selector.register(one, selectors.EVENT_READ, "data")
            late = selector.select(SOON), selector.select(0)
            woken = waiting_for(selector.select, lambda: other.send(b"x"))
            results.append((late, [(key.data, mask) for key, mask in woken]))
    return results


@case
def registered_while_another_waits():
    """epoll takes descriptors on while a thread waits; the others are asked anew."""
    with select.epoll() as polled:
        one, other = socket.socketpair()

        def add():
            polled.register(one, select.EPOLLIN)
            other.send(b"x")

        return [event for _, event in waiting_for(polled.poll, add)], one.close(), other.close()


@case
def an_echo_server_of_each():
    """Each kind serves 20 clients, which are threads that block."""
    return [echo(kind) for kind in KINDS]


def echo(kind):
    answers = [None] * 20
    with socket.create_server(("127.0.0.1", 0), backlog=30) as listener, kind() as selector:
        def client(number):
            with socket.create_connection(listener.getsockname()) as connection:
                texts = [b"%d/%d " % (number, step) * 50 for step in range(5)]
                received = []
                for text in texts:
                    connection.sendall(text)
                    received.append(connection.recv(len(text), socket.MSG_WAITALL))
                answers[number] = received == texts

        selector.register(listener, selectors.EVENT_READ)
        clients = [later(client, number) for number in range(20)]
        ended = 0
        while ended < 20:
            for key, _ in selector.select():
                if key.fileobj is listener:
                    connection = listener.accept()[0]
                    connection.setblocking(False)
                    selector.register(connection, selectors.EVENT_READ)
                elif data := key.fileobj.recv(10_000):
                    key.fileobj.sendall(data)
                else:
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
                    ended += 1
        for thread in clients:
            thread.join()
    return all(answers)


@case
def many_descriptors():
    """300 pipes, written to by 10 threads; each selector sees every byte."""
    results = []
    for kind in KINDS:
        pipes = [os.pipe() for _ in range(300)]
        with kind() as selector:
            for reading, _ in pipes:
                selector.register(reading, selectors.EVENT_READ)
            writers = [later(lambda part: [os.write(writing, b"x") for _, writing in part], pipes[begin::10])
                       for begin in range(10)]
            seen = set()
            while len(seen) < 300:
                for key, _ in selector.select():
                    seen.add(key.fd)
                    os.read(key.fd, 1)
            for writer in writers:
                writer.join()
            results.append((len(seen), selector.select(0)))
        for one in pipes:
            os.close(one[0]), os.close(one[1])
    return results


@case
def nested_epoll():
    one, other = socket.socketpair()
    with select.epoll() as inner, select.epoll() as outer, one, other:
        inner.register(one, select.EPOLLIN)
        outer.register(inner, select.EPOLLIN)
        woken = waiting_for(outer.poll, lambda: other.send(b"x"))
        return [fd == inner.fileno() for fd, _ in woken], len(select.select([outer], [], [], 10)[0])


run()
