"""The question about libraries that block: how long calls take that wait for a real server at the same time."""
import contextlib
import pathlib
import re
import subprocess
import tempfile

import databases
import web_server
from measuring import interleaved, say

PATIENCE = 300  # seconds
WAITING = 50  # threads, each with one call that takes 0.2 s at the server
TLS = '_tls'

# What is measured: how its row is called; the program, whose server is its namesake; threads and jobs.
ROWS = {
    'libpq, PostgreSQL: 50 × `pg_sleep(0.2)`': ('postgres', WAITING, WAITING),
    'libmariadb, MariaDB: 50 × `SLEEP(0.2)`': ('mariadb', WAITING, WAITING),
    'hiredis, Redis: 50 × `BLPOP` for 0.2 s': ('redis', WAITING, WAITING),
    'libcurl, nginx: 50 URLs that take 0.2 s': ('curl', WAITING, WAITING),
    'the same over TLS': ('curl_tls', WAITING, WAITING),
    'OpenSSL BIOs, server and client in one program: 50 answers that take 0.2 s': ('openssl', WAITING, WAITING),
    'SQLite: 200 transactions, 8 threads, while another process does 200, too': ('sqlite', 8, 200),
}
SERVERS = {'curl': web_server.Nginx, 'mariadb': databases.MariaDb, 'postgres': databases.Postgres,
           'redis': databases.Redis}


@contextlib.contextmanager
def served(name, company):
    """The first argument of the program and the ones after its mode (tests/libraries/pool.h), while its server runs;
    a server that makes requests meet waits for so many."""
    kind = name.removesuffix(TLS)
    if kind in SERVERS:
        with SERVERS[kind](company, name != kind) if kind == 'curl' else SERVERS[kind]() as server:
            yield server.address, getattr(server, 'more', [])
        return
    with tempfile.TemporaryDirectory(prefix='evergreen-library-') as directory:
        if kind == 'openssl':
            web_server.make_certificates(directory)
        yield directory if kind == 'openssl' else pathlib.Path(directory) / 'database', []


def measured(command):
    """Seconds and kernel threads, and what the program printed."""
    done = subprocess.run([*map(str, command)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=PATIENCE)
    figures = {key: float(value) for key, value in re.findall(r'(\w+)=([\d.]+)', done.stderr)}
    if done.returncode != 0 or 'seconds' not in figures:
        raise RuntimeError(f'ended with {done.returncode}: {done.stderr}')
    if '--stats' in command and figures.get('greenlets', 0) == 0:
        raise RuntimeError('no greenlet ran')
    kernel_threads = figures.get('kernel_threads_peak', figures['kernel_threads'])
    return {'seconds': figures['seconds'], 'kernel_threads': kernel_threads}, done.stdout


def compare_one(row, options):
    """Medians of each contender, and who failed; 'result' where theirs differ."""
    name, threads, jobs = ROWS[row]
    program = options.build / 'tests/libraries' / name.removesuffix(TLS)
    outputs = set()
    with served(name, threads) as (first, last):
        def measure(contender):
            prefix, number = contender
            figures, output = measured([*prefix, program, first, number, jobs, 'wait', *last])
            outputs.add(output)
            return figures

        evergreen = [options.build / 'tools/evergreen', '--stats']
        results, failed = interleaved(row, {'native': ([], threads), 'evergreen': (evergreen, threads)}, options.rounds,
                                      measure)
        alone, alone_failed = interleaved(f'{row}, one thread', {'one thread': ([], 1)}, 1, measure)
    if len(outputs) > 1:
        say(f'{row}: the results differ')
        failed.add('result')
    return results | alone, failed | alone_failed


def libraries(options):
    all_failed, lines = set(), []
    for row in ROWS:
        try:
            results, failed = compare_one(row, options)
        except (OSError, RuntimeError) as error:
            say(f'{row}: {error}')
            results, failed = {}, {'server'}
        all_failed |= {f'{row}: {name}' for name in failed}
        if len(results) == 3:
            seconds = [f"{results[name]['seconds']:.2f} s" for name in ('one thread', 'native', 'evergreen')]
            threads = [f"{results[name]['kernel_threads']:.0f}" for name in ('native', 'evergreen')]
            lines.append(' | '.join([row, *seconds, *threads]))
    print('\nlibraries: plain blocking calls of unmodified libraries\n\n'
          '| | one thread | a thread each, native | under evergreen | kernel threads, native | under evergreen |\n'
          '|---|---|---|---|---|---|')
    for line in lines:
        print(f'| {line} |')
    return all_failed
