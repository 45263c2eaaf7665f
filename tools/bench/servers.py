"""Real servers on loopback while they run: each with a port, a directory and data of its own, and without privileges.

They end when their starter does, however that ends. Nothing that the system's own services use is touched.
"""
import ctypes
import os
import pathlib
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PATIENCE = 100  # seconds
ATTEMPTS = 5  # at a port that somebody else may be faster to take
PORTS = range(20000, 32000)  # no ephemeral ones, so that no client's connection takes one by chance
UNPRIVILEGED = 'nobody'  # who runs them where we are root
SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG
LIBC = ctypes.CDLL(None)


def free_port():
    while True:
        with socket.socket() as probe:
            try:
                port = random.choice(PORTS)
                probe.bind(('127.0.0.1', port))
                return port
            except OSError:
                continue


def program(name, folders='/usr/sbin'):
    """Its path: servers need not be in the search path of users."""
    found = shutil.which(name, path=os.pathsep.join([str(folders), os.environ.get('PATH', os.defpath)]))
    if found is None:
        raise RuntimeError(f'{name} is not installed (tools/packages check)')
    return found


def identity():
    """How subprocess is told to give up root."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam(UNPRIVILEGED)
    return {'user': user.pw_uid, 'group': user.pw_gid, 'extra_groups': []}


class Server:
    """What is common to all: to be derived from. `with` starts one, and stops it."""
    end_signal = signal.SIGKILL  # for those that have no children

    def __enter__(self):
        self._directory = tempfile.TemporaryDirectory(prefix='evergreen-server-')
        self.home = pathlib.Path(self._directory.name)
        self.process = None
        try:
            if identity():
                os.chown(self.home, identity()['user'], identity()['group'])
            self.prepare()
            self._start()
        except BaseException:
            self._clean_up()
            raise
        return self

    def __exit__(self, *_):
        self._clean_up()

    def prepare(self):
        """Makes what the server needs in its home."""

    def command(self):
        """The server in the foreground, at self.port."""
        raise NotImplementedError

    def is_ready(self):
        """Whether it answers."""
        socket.create_connection(('127.0.0.1', self.port), PATIENCE).close()
        return True

    def run(self, command):
        """Runs what prepares the server, as the server's user."""
        done = subprocess.run([*map(str, command)], cwd=self.home, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, **identity())
        if done.returncode != 0:
            raise RuntimeError(f'{command[0]}: {done.stdout}')

    def _start(self):
        for _ in range(ATTEMPTS):
            self.port = free_port()
            with open(self.home / 'log', 'ab') as log:
                self.process = subprocess.Popen(
                    [*map(str, self.command())], cwd=self.home, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    preexec_fn=lambda: LIBC.prctl(SET_DEATH_SIGNAL, int(self.end_signal)), **identity())
            if self._comes_up():
                return
        raise RuntimeError(f"{type(self).__name__} did not start:\n{(self.home / 'log').read_text(errors='replace')}")

    def _comes_up(self):
        """False when it ended instead."""
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < end:
            try:
                if self.is_ready():
                    return True
            except OSError:
                pass
            time.sleep(0.01)
        return False

    def _clean_up(self):
        if self.process is not None:
            self.process.send_signal(self.end_signal)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._directory.cleanup()
