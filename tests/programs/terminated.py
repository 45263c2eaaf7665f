#!/usr/bin/python3
"""terminated.py LAUNCHER: nginx, which reads files with a pool of threads, and unbound serve, reload at SIGHUP, and end at
SIGTERM or SIGQUIT, though most of their threads block these."""
import concurrent.futures
import http.client
import signal
import socket
import struct

import contenders
from servers import free_port, program

FILES = 20


def nginx(contender):
    port, home = free_port(), contender.directory
    for number in range(FILES):
        (home / f"file{number}").write_bytes(bytes([65 + number]) * 50_000 * number)
    home.chmod(0o755)
    settings = home / "settings"
    settings.write_text(f"""
daemon off; worker_processes 2; pid {home}/pid; error_log {home}/log; thread_pool default threads=4;
events {{ }}
http {{ access_log off; aio threads; sendfile off; output_buffers 1 8k; root {home};
  client_body_temp_path {home}/t1; proxy_temp_path {home}/t2; fastcgi_temp_path {home}/t3; uwsgi_temp_path {home}/t4;
  scgi_temp_path {home}/t5; server {{ listen 127.0.0.1:{port}; }} }}
""")

    def fetch(number):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=contenders.PATIENCE)
        connection.request("GET", f"/file{number}")
        body = connection.getresponse().read()
        connection.close()
        return len(body), body[-1:]

    def fetch_all():
        with concurrent.futures.ThreadPoolExecutor(FILES) as pool:
            return list(pool.map(fetch, range(FILES)))

    results = []
    for end in (signal.SIGTERM, signal.SIGQUIT):
        with contender.server(program("nginx"), "-c", settings, "-p", home, end=end,
                              is_ready=lambda: len(fetch(0)) == 2) as process:
            results.append(fetch_all())
            process.send_signal(signal.SIGHUP)
            results.append(fetch_all())
    return results


def unbound(contender):
    port, home = free_port(), contender.directory
    settings = home / "unbound.conf"
    names = "".join(f'local-data: "name{number}.test. A 192.0.2.{number}"\n' for number in range(50))
    settings.write_text(f'server:\nnum-threads: 3\ninterface: 127.0.0.1\nport: {port}\nusername: ""\nchroot: ""\n'
                        f'directory: "{home}"\npidfile: ""\nuse-syslog: no\ndo-daemonize: no\n'
                        f'local-zone: "test." static\n{names}remote-control:\ncontrol-enable: no\n')

    def look_up(number):
        label = b"name%d" % number
        question = struct.pack(">6H", number, 0x100, 1, 0, 0, 0) + bytes([len(label)]) + label + b"\4test\0\0\1\0\1"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            asker.settimeout(5)
            asker.connect(("127.0.0.1", port))
            asker.send(question)
            return asker.recv(512)[-4:]

    with contender.server(program("unbound"), "-d", "-c", settings, end=signal.SIGTERM,
                          is_ready=lambda: len(look_up(0)) == 4) as process, \
            concurrent.futures.ThreadPoolExecutor(10) as pool:
        results = list(pool.map(look_up, range(50)))
        settings.write_text(settings.read_text().replace("192.0.2.49", "192.0.2.99"))
        process.send_signal(signal.SIGHUP)
        contenders.wait_until(lambda: look_up(49)[-1] == 99, process)  # while it reloads, signals may be lost to it
        return results


contenders.compare(lambda contender: (nginx(contender), unbound(contender)), greenlets_min=4, kernel_threads_max=30)
