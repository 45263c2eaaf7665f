"""The question about the monitor: what it and the other kernel threads of a server cost, at work and while nobody asks.

From the kernel's own counters of each kernel thread: CPU time, of which schedstat knows the nanoseconds, and how often
it went to sleep, one for each wake-up.
"""
import pathlib
import re
import socket
import subprocess
import time

from echo import Server
from measuring import CPUS, interleaved, on_cpu, reached, stderr_of, table

CONNECTIONS = 100


def counters(pid):
    """{kernel thread: (CPU nanoseconds, times that it went to sleep)}"""
    found = {}
    for task in pathlib.Path(f'/proc/{pid}/task').iterdir():
        status = (task / 'status').read_text()
        sleeps = int(re.search(r'^voluntary_ctxt_switches:\s*(\d+)', status, re.MULTILINE).group(1))
        found[int(task.name)] = int((task / 'schedstat').read_text().split()[0]), sleeps
    return found


def changes(pid, seconds):
    """The same a second, over so many seconds, in the order in which the kernel threads were made."""
    before = counters(pid)
    begin = time.monotonic()
    time.sleep(seconds)
    after, passed = counters(pid), time.monotonic() - begin
    return [tuple((new - old) / passed for new, old in zip(after[thread], before.get(thread, (0, 0))))
            for thread in sorted(after)]


def connected(port, count):
    """So many connections, each of which was answered once."""
    connections = [socket.create_connection(('127.0.0.1', port)) for _ in range(count)]
    for connection in connections:
        connection.sendall(b'x')
        if connection.recv(1) != b'x':
            raise RuntimeError('no echo')
    return connections


def at_work(options, server, seconds):
    load = [options.build / 'tools/bench/echo_load', '--port', server.port, '--connections', CONNECTIONS, '--hold',
            '--seconds', seconds + 1]
    with subprocess.Popen(on_cpu(CPUS[-1], load), stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()  # all connections stand
        time.sleep(0.5)
        rates = changes(server.process.pid, seconds)
        process.stdout.read()
    if process.returncode != 0:
        raise RuntimeError('the load failed')
    return rates


def idle(server, seconds):
    """From when nothing has happened for a second, or from 10 seconds on, whichever comes first."""
    connections = connected(server.port, CONNECTIONS)
    for _ in range(10):
        if not any(sleeps for _, sleeps in changes(server.process.pid, 1)):
            break
    rates = changes(server.process.pid, seconds)
    for connection in connections:
        connection.close()
    return rates


def role(number):
    """The first pthread_create makes the monitor; the kernel threads that take over come later."""
    return ('main', 'monitor', 'others')[min(number, 2)]


def figures(rates, prefix):
    """{prefix + 'monitor_cpu': its share of a core, prefix + 'monitor_sleeps': a second, ...}; 'others' are a sum."""
    result = {}
    for number, (nanoseconds, sleeps) in enumerate(rates):
        for key, value in (('cpu', nanoseconds / 1e9), ('sleeps', sleeps)):
            key = f'{prefix}{role(number)}_{key}'
            result[key] = result.get(key, 0) + value
    return result


def compare(options):
    """Measures and prints. Returns the medians, of idle sleeps the most, and who failed."""
    seconds = 2 if options.quick else 5
    command = [options.build / 'tools/evergreen', '--stats', options.build / 'examples/thread_echo']

    def measure(command):
        with stderr_of(command) as stderr, Server(command, stderr=stderr) as server:
            return {**figures(at_work(options, server, seconds), 'work_'),
                    **figures(idle(server, seconds), 'worst_idle_')}

    results, failed = interleaved('monitor', {'evergreen': command}, options.rounds, measure)
    result = results.get('evergreen', {})
    roles = [name for name in ('main', 'monitor', 'others') if f'work_{name}_cpu' in result]
    table(f'monitor: the kernel threads of thread_echo with {CONNECTIONS} connections, at work and idle (the most)',
          ['', 'CPU', 'sleeps/s', 'idle: CPU', 'sleeps/s'],
          [[name, f"{result[f'work_{name}_cpu']:.2%}", f"{result[f'work_{name}_sleeps']:,.0f}",
            f"{result[f'worst_idle_{name}_cpu']:.3%}", f"{result[f'worst_idle_{name}_sleeps']:.1f}"] for name in roles])
    if result:
        print(f"  goal: nothing wakes up while nobody asks: {reached(sleeps_when_idle(result) == 0)}")
    return result, failed


def sleeps_when_idle(result):
    return sum(value for key, value in result.items() if key.startswith('worst_idle_') and key.endswith('_sleeps'))


def monitor(options):
    return compare(options)[1]
