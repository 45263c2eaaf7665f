"""nginx, over TLS or not, before a server that answers requests only in company."""
import asyncio
import pathlib
import signal
import socket
import subprocess
import threading

from servers import Server, program

WAIT = 0.2  # seconds

CONFIGURATION = '''
daemon off;
pid {home}/pid;
error_log stderr;
worker_processes 1;
events {{ worker_connections 1000; }}
http {{
  access_log off;
  client_body_temp_path {home}/body;
  proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi;
  scgi_temp_path {home}/scgi;
  server {{
    {listens}
    {certificate}
    location / {{
      proxy_pass http://127.0.0.1:{upstream};
      proxy_read_timeout 600s;
    }}
  }}
}}
'''


def own_name():
    """This machine's, and its address; or localhost, where the name has none. libcurl knows localhost by itself; for
    any other name it starts a thread that asks libc."""
    try:
        return socket.gethostname(), socket.gethostbyname(socket.gethostname())
    except OSError:
        return 'localhost', '127.0.0.1'


def make_certificates(directory):
    """authority.pem, which vouches for server.pem and server.key: localhost and our own name."""
    def openssl(*words):
        subprocess.run([program('openssl'), *words], cwd=directory, check=True, stderr=subprocess.DEVNULL)

    new = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
    openssl(*new, '-subj', '/CN=authority of a test', '-keyout', 'authority.key', '-out', 'authority.pem')
    openssl(*new, '-subj', '/CN=localhost', '-keyout', 'server.key', '-out', 'server.pem', '-CA', 'authority.pem',
            '-CAkey', 'authority.key', '-addext', f'subjectAltName=DNS:localhost,DNS:{own_name()[0]}', '-addext',
            'basicConstraints=critical,CA:FALSE')
    for path in pathlib.Path(directory).iterdir():
        path.chmod(0o644)  # the servers are another user's


class Upstream:
    """/meet/N is answered when `company` requests are there at the same time, /wait/N after a while."""

    def __init__(self, company):
        self._company = company
        self._waiting = []
        started = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._serve(started)), daemon=True).start()
        started.wait()

    async def _serve(self, started):
        server = await asyncio.start_server(self._answer, '127.0.0.1', 0, backlog=1000)
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        await server.serve_forever()

    async def _answer(self, reader, writer):
        request = await reader.readuntil(b'\r\n\r\n')
        _, kind, number = request.split()[1].decode().split('/')
        await (self._meet(reader) if kind == 'meet' else asyncio.sleep(WAIT))
        body = b'%s-' % number.encode() * (int(number) * 997 % 50000)
        writer.write(b'HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n' % len(body) + body)
        await writer.drain()
        writer.close()

    async def _meet(self, reader):
        """Who is gone meanwhile does not count: a program that failed holds up no other."""
        here = asyncio.get_running_loop().create_future()
        gone = asyncio.ensure_future(reader.read())
        self._waiting.append(here)
        if len(self._waiting) == self._company:
            for other in self._waiting:
                other.set_result(None)
            self._waiting = []
        await asyncio.wait({here, gone}, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        if not here.done():
            self._waiting.remove(here)


class Nginx(Server):
    end_signal = signal.SIGTERM  # ends its children and itself at once

    def __init__(self, company, tls):
        self._upstream = Upstream(company)
        self._tls = tls

    @property
    def address(self):
        return self._url('localhost')

    @property
    def more(self):
        """Another address, and the file of who vouches for both."""
        return [self._url(own_name()[0]), *([self.home / 'authority.pem'] if self._tls else [])]

    def _url(self, host):
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}"

    def prepare(self):
        if self._tls:
            make_certificates(self.home)

    def command(self):
        certificate = f'ssl_certificate {self.home}/server.pem; ssl_certificate_key {self.home}/server.key;'
        (self.home / 'configuration').write_text(CONFIGURATION.format(
            home=self.home, upstream=self._upstream.port, certificate=certificate if self._tls else '',
            listens=' '.join(f"listen {address}:{self.port}{' ssl' if self._tls else ''};"
                             for address in sorted({'127.0.0.1', own_name()[1]}))))
        return [program('nginx'), '-e', 'stderr', '-p', self.home, '-c', self.home / 'configuration']
