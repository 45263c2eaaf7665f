"""The question about servers: echo."""
import subprocess

from measuring import CPUS, KERNEL_STACK_KIB, interleaved, on_cpu, pairs, ratio, table


class Server:
    """A server while it runs: the commands of examples/ and tools/bench/ all print their port first."""

    def __init__(self, command, cpu=CPUS[0], stderr=None):
        self.process = subprocess.Popen(on_cpu(cpu, command), stdout=subprocess.PIPE, stderr=stderr, text=True)
        line = self.process.stdout.readline()
        if not line.startswith('listening on '):
            self.stop()
            raise RuntimeError('the server did not start')
        self.port = int(line.rpartition(':')[2])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def load(options, server, connections):
    """One run of the load. Its generator reads the server's memory: it knows when all connections are at work."""
    command = [options.build / 'tools/bench/echo_load', '--port', server.port, '--connections', connections, '--hold',
               '--seconds', 0.5 if options.quick else 2, '--server', server.process.pid]
    done = subprocess.run(on_cpu(CPUS[-1], command), stdout=subprocess.PIPE, text=True)
    last = ''.join(done.stdout.splitlines()[-1:])
    if done.returncode != 0:
        raise RuntimeError(f'the load failed: {last}')
    return pairs(last)


def contenders(options):
    thread_echo = options.build / 'examples/thread_echo'
    launcher = [options.build / 'tools/evergreen'] + (['--stats'] if options.stats else [])
    everyone = {'native': [thread_echo],
                'evergreen': [*launcher, thread_echo],
                'raw epoll': [options.build / 'tools/bench/raw_epoll_echo'],
                'bare fibers': [options.build / 'tools/bench/fiber_echo']}
    return {name: command for name, command in everyone.items() if name in options.contenders}


def rows(results):
    """A line a quantity, so that the table fits a terminal."""
    def line(label, key, form, unit=1):
        return [label, *(format(result[key] / unit, form) for result in results.values())]

    def ratios(key):
        return ['  to native', *(ratio(results, name, key) for name in results)]

    stacks_in_mib = 1024 / KERNEL_STACK_KIB
    return [line('kernel threads', 'server_threads', ',.0f'),
            line('RSS, MiB', 'server_rss_kib', '.1f', 1024),
            line('page tables, MiB', 'server_page_tables_kib', '.1f', 1024),
            line('kernel stacks, MiB (estimate)', 'server_threads', '.1f', stacks_in_mib),
            line('requests/s', 'requests_per_s', ',.0f'),
            ratios('requests_per_s'),
            line('server CPU, µs a request', 'server_cpu_us', '.2f'),
            ratios('server_cpu_us'),
            line('p50, µs', 'p50_us', ',.0f'),
            line('p99, µs', 'p99_us', ',.0f')]


def echo(options):
    def measure(command, connections):
        with Server(command) as server:
            return load(options, server, connections)

    all_failed = set()
    for connections in options.connections:
        title = f"echo, {connections:,} connection{'s' if connections != 1 else ''}"
        results, failed = interleaved(title, contenders(options), options.rounds,
                                      lambda command: measure(command, connections))
        all_failed |= failed
        table(f'{title}, 64 bytes a message, every byte compared; server and load on one CPU each',
              ['', *results], rows(results))
    return all_failed
