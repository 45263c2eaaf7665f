"""asyncio: streams, processes, executors, signals and Unix sockets, in one thread and in several loops at once."""
import asyncio
import concurrent.futures
import os
import signal
import sys
import tempfile
import threading
import time

from cases import case, outcome, run

SOON = 0.02  # seconds that a wait with a timeout takes


async def answer(reader, writer):
    while line := await reader.readline():
        writer.write(line.upper())
        await writer.drain()
    writer.close()


async def converse(connection, number):
    reader, writer = await connection
    lines = []
    for step in range(5):
        writer.write(b"client %d says %d\n" % (number, step))
        lines.append((await reader.readline()).decode().strip())
    writer.close()
    await writer.wait_closed()
    return lines


async def serve_and_ask(clients):
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        address = server.sockets[0].getsockname()
        return await asyncio.gather(*(converse(asyncio.open_connection(*address), number) for number in range(clients)))


@case
def streams():
    return asyncio.run(serve_and_ask(30))


@case
def unix_streams():
    async def main(path):
        async with await asyncio.start_unix_server(answer, path):
            return await asyncio.gather(*(converse(asyncio.open_unix_connection(path), number) for number in range(10)))

    with tempfile.TemporaryDirectory() as directory:
        return asyncio.run(main(os.path.join(directory, "socket")))


@case
def datagrams():
    class Echo(asyncio.DatagramProtocol):
        def connection_made(self, transport):
            self.transport = transport

        def datagram_received(self, data, address):
            self.transport.sendto(data.upper(), address)

    class Ask(asyncio.DatagramProtocol):
        def __init__(self):
            self.answer = asyncio.get_running_loop().create_future()

        def datagram_received(self, data, _):
            self.answer.set_result(data)

    async def main():
        loop = asyncio.get_running_loop()
        server, _ = await loop.create_datagram_endpoint(Echo, ("127.0.0.1", 0))
        client, protocol = await loop.create_datagram_endpoint(Ask, remote_addr=server.get_extra_info("sockname"))
        client.sendto(b"datagram")
        answered = await protocol.answer
        client.close()
        server.close()
        return answered

    return asyncio.run(main())


@case
def loops_in_threads():
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return [set(map(len, future.result())) for future in
                [pool.submit(asyncio.run, serve_and_ask(5)) for _ in range(8)]]


@case
def executors():
    async def main():
        loop = asyncio.get_running_loop()
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            slept = await asyncio.gather(*(loop.run_in_executor(pool, sleepy, number) for number in range(20)))
        own = await asyncio.gather(*(asyncio.to_thread(sleepy, number) for number in range(5)))
        names = await asyncio.gather(loop.getaddrinfo("127.0.0.1", 80), loop.getnameinfo(("127.0.0.1", 80), 3))
        return slept, own, names[0][0][4], names[1]

    def sleepy(number):
        time.sleep(0.01)
        return number * number

    return asyncio.run(main())


@case
def calls_from_other_threads():
    async def add(one, other):
        await asyncio.sleep(0)
        return one + other

    async def main():
        loop, arrived = asyncio.get_running_loop(), asyncio.Queue()

        def call(number):
            future = asyncio.run_coroutine_threadsafe(add(number, 1), loop)
            loop.call_soon_threadsafe(arrived.put_nowait, future.result())

        threads = [threading.Thread(target=call, args=(number,)) for number in range(30)]
        for thread in threads:
            thread.start()
        results = sorted([await arrived.get() for _ in threads])
        for thread in threads:
            thread.join()
        return results

    return asyncio.run(main())


@case
def processes():
    async def one(number):
        child = await asyncio.create_subprocess_exec(sys.executable, "-c", f"print(input() * 2); exit({number})",
                                                     stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
        output, _ = await child.communicate(b"line %d\n" % number)
        return output, child.returncode

    async def main():
        shell = await asyncio.create_subprocess_shell("exit 7")
        stuck = await asyncio.create_subprocess_exec("sleep", "1000")
        try:
            await asyncio.wait_for(stuck.wait(), SOON)
        except asyncio.TimeoutError:
            stuck.terminate()
        return await asyncio.gather(*(one(number) for number in range(6))), await shell.wait(), await stuck.wait()

    return asyncio.run(main())


@case
def processes_watched_by_pidfd():
    asyncio.set_child_watcher(asyncio.PidfdChildWatcher())
    try:
        return processes()
    finally:
        asyncio.set_child_watcher(None)


@case
def signals():
    async def main():
        loop, seen, all_seen = asyncio.get_running_loop(), [], asyncio.Event()

        def handle(name):
            seen.append(name)
            if len(seen) == 3:
                all_seen.set()

        for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGALRM):
            loop.add_signal_handler(number, handle, number.name)
        os.kill(os.getpid(), signal.SIGUSR1)
        killer = threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGTERM))
        killer.start()
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        await all_seen.wait()
        killer.join()
        return sorted(seen), loop.remove_signal_handler(signal.SIGTERM), loop.remove_signal_handler(signal.SIGHUP)

    return asyncio.run(main())


@case
def interrupted_run():
    """SIGINT cancels the main task."""
    async def main():
        threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGINT)).start()
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise

    ends = []
    return outcome(asyncio.run, main()), ends


@case
def pipes():
    async def main():
        loop = asyncio.get_running_loop()
        reading, writing = os.pipe()
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(reading, "rb"))

        def write():
            with os.fdopen(writing, "wb") as file:
                for number in range(100):
                    file.write(b"%d\n" % number)

        await asyncio.to_thread(write)
        return sum(map(int, (await reader.read()).split()))

    return asyncio.run(main())


@case
def timeouts_and_cancellation():
    async def main():
        forever = asyncio.create_task(asyncio.sleep(1000))
        late = await asyncio.gather(asyncio.wait_for(asyncio.sleep(1000), SOON), return_exceptions=True)
        forever.cancel()
        cancelled = await asyncio.gather(forever, return_exceptions=True)
        try:
            async with asyncio.timeout(SOON):
                await asyncio.Event().wait()
        except TimeoutError as error:
            late.append(error)
        return [type(one).__name__ for one in late + cancelled]

    return asyncio.run(main())


run()
