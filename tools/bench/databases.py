"""Servers of data: PostgreSQL, MariaDB, Redis. Nothing is synced: what they hold does not outlive them."""
import pathlib
import signal
import socket
import subprocess

from servers import PATIENCE, Server, program

CONNECTIONS = 200


class Postgres(Server):
    end_signal = signal.SIGQUIT  # ends its children and itself at once

    def __init__(self):
        installed = sorted(pathlib.Path('/usr/lib/postgresql').glob('*/bin'))  # where Debian has them
        self._folder = installed[-1] if installed else '/usr/bin'

    @property
    def address(self):
        return f'host=127.0.0.1 port={self.port} user=postgres dbname=postgres'

    def prepare(self):
        self.run([program('initdb', self._folder), '--pgdata', self.home / 'data', '--username=postgres',
                  '--auth=trust', '--no-sync', '--no-instructions', '--encoding=UTF8', '--locale=C'])

    def command(self):
        settings = {'port': self.port, 'listen_addresses': '127.0.0.1', 'unix_socket_directories': '', 'fsync': 'off',
                    'max_connections': CONNECTIONS, 'shared_buffers': '16MB', 'autovacuum': 'off'}
        return [program('postgres', self._folder), '-D', self.home / 'data',
                *(f'--{name}={value}' for name, value in settings.items())]

    def is_ready(self):
        ask = [program('pg_isready', self._folder), '--quiet', f'--dbname={self.address}']
        return subprocess.run(ask, timeout=PATIENCE).returncode == 0


class MariaDb(Server):
    """Without tables of users and privileges, which take seconds to make, and without InnoDB."""

    @property
    def address(self):
        return str(self.port)

    def prepare(self):
        (self.home / 'data').mkdir(mode=0o777)
        (self.home / 'data').chmod(0o777)  # whatever our umask

    def command(self):
        return [program('mariadbd'), '--no-defaults', f"--datadir={self.home / 'data'}", '--skip-grant-tables',
                '--bind-address=127.0.0.1', f'--port={self.port}', f"--socket={self.home / 'socket'}",
                '--innodb=OFF', '--default-storage-engine=Aria', f'--max-connections={CONNECTIONS}']

    def is_ready(self):
        with socket.create_connection(('127.0.0.1', self.port), PATIENCE) as connection:
            return connection.recv(1) != b''  # it speaks first


class Redis(Server):
    @property
    def address(self):
        return str(self.port)

    def command(self):
        return [program('redis-server'), '--bind', '127.0.0.1', '--port', self.port, '--dir', self.home, '--save', '',
                '--hz', 500]  # how often it looks whose time is over

    def is_ready(self):
        with socket.create_connection(('127.0.0.1', self.port), PATIENCE) as connection:
            connection.sendall(b'PING\r\n')
            return connection.recv(1) == b'+'
