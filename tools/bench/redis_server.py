"""A redis-server with two I/O threads while it runs, on a Unix socket in a directory of its own."""
import csv
import pathlib
import socket
import subprocess
import tempfile
import time

KEYS = 200
PATIENCE = 60  # seconds


def command(*words):
    """In redis's own protocol."""
    bulks = b''.join(b'$%d\r\n%s\r\n' % (len(word), word) for word in (str(word).encode() for word in words))
    return b'*%d\r\n' % len(words) + bulks


class Redis:
    def __init__(self, prefix, stderr):
        self.directory = tempfile.TemporaryDirectory(prefix='evergreen-redis-')
        self.path = str(pathlib.Path(self.directory.name) / 'socket')
        server = ['redis-server', '--port', 0, '--unixsocket', self.path, '--dir', self.directory.name, '--save', '',
                  '--io-threads', 2, '--io-threads-do-reads', 'yes', '--loglevel', 'warning']
        self.process = subprocess.Popen([*map(str, [*prefix, *server])], stdout=subprocess.DEVNULL, stderr=stderr)

    def __enter__(self):
        try:
            self.connection = self._connect()
        except BaseException:
            self._clean_up()
            raise
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.connection.sendall(command('SHUTDOWN', 'NOSAVE'))
                status = self.process.wait(PATIENCE)
                if status != 0:
                    raise RuntimeError(f'redis-server ended with {status}')
        finally:
            self._clean_up()

    def _connect(self):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and self.process.poll() is None:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(PATIENCE)
            try:
                connection.connect(self.path)
                return connection
            except OSError:
                connection.close()
                time.sleep(0.01)
        raise RuntimeError('redis-server did not start')

    def _clean_up(self):
        self.process.kill()
        self.process.wait()
        self.directory.cleanup()

    def load(self, requests):
        """Requests a second of redis-benchmark: {'set_per_s': ..., 'get_per_s': ...}."""
        done = subprocess.run(['redis-benchmark', '-s', self.path, '-t', 'set,get', '-n', str(requests), '-c', '50',
                               '-d', '64', '--csv'], stdout=subprocess.PIPE, text=True, check=True, timeout=2 * PATIENCE)
        rows = list(csv.DictReader(done.stdout.splitlines()))
        return {f"{row['test'].lower()}_per_s": float(row['rps']) for row in rows}

    def answers(self):
        """What a fixed conversation is answered: values that are set, counted and read back, pipelined."""
        questions = [command('SET', f'key:{i}', f'value {i * i}') for i in range(KEYS)]
        questions += [command('INCRBY', 'sum', i) for i in range(KEYS)]
        questions += [command('GET', f'key:{i}') for i in range(KEYS)] + [command('ECHO', 'the end')]
        self.connection.sendall(b''.join(questions))
        received = b''
        while not received.endswith(b'the end\r\n'):
            part = self.connection.recv(65536)
            if not part:
                raise RuntimeError('redis-server closed the connection')
            received += part
        return received.decode()
