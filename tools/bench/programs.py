"""The question about real programs with threads that work: the same results, and how long they take."""
import hashlib
import pathlib
import random
import re
import shutil
import subprocess
import tempfile
import time

from measuring import interleaved, output_of, reached, say, stderr_of, table
from redis_server import Redis

SLOWER_AT_MOST = 1.15  # wanted
PATIENCE = 600  # seconds
HERE = pathlib.Path(__file__).resolve().parent
MIB = 2**20


def write_data(path, mebibytes):
    """The same bytes each time: a mixture of noise, text and zeros."""
    noise = random.Random(1)
    words = [noise.randbytes(noise.randrange(2, 9)).hex() for _ in range(3000)]
    text = ' '.join(noise.choices(words, k=MIB // 5)).encode()
    with open(path, 'wb') as file:
        for _ in range(mebibytes):
            begin = noise.randrange(len(text) // 2)
            parts = noise.randbytes(MIB // 4) + text[begin:begin + MIB // 2]
            file.write(parts.ljust(MIB, b'\0'))


class Bench:
    """What every program is measured with. Each method takes the launcher's words, none natively, and returns figures
    and the result, which must be the same for all."""

    def __init__(self, directory, quick):
        self.quick = quick
        self.output = directory / 'output'
        self.data = directory / 'data'
        write_data(self.data, 20 if quick else 200)

    def _seconds(self, command, **files):
        with stderr_of(command) as stderr:
            begin = time.perf_counter()
            subprocess.run([*map(str, command)], stderr=stderr, check=True, timeout=PATIENCE, **files)
            return time.perf_counter() - begin

    def _compress(self, prefix, command):
        with open(self.data, 'rb') as data, open(self.output, 'wb') as output:
            seconds = self._seconds([*prefix, *command], stdin=data, stdout=output)
        with open(self.output, 'rb') as output:
            return {'seconds': seconds}, hashlib.file_digest(output, 'sha256').hexdigest()

    def pigz(self, prefix):
        return self._compress(prefix, ['pigz', '--processes', '4', '--no-name', '--stdout'])

    def xz(self, prefix):
        prefix = [word for word in prefix if word != '--stats']  # xz closes stderr first: nothing would come
        return self._compress(prefix, ['xz', '--threads=2', '-2', '--block-size=2MiB', '--stdout'])

    def sysbench(self, prefix):
        command = ['sysbench', 'cpu', '--threads=4', f'--events={10_000 if self.quick else 60_000}', '--time=0', 'run']
        with open(self.output, 'w') as output:
            seconds = self._seconds([*prefix, *command], stdout=output)
        return {'seconds': seconds}, re.search(r'total number of events: +\d+', self.output.read_text()).group()

    def python(self, prefix):
        command = ['/usr/bin/python3', HERE / 'python_work.py', 2_000_000 if self.quick else 10_000_000]
        figures = output_of([*prefix, *command], cpu=None, limit=PATIENCE)
        return ({'seconds': figures['seconds'], 'ticks_per_s': figures['ticks'] / figures['seconds']},
                int(figures['sum']))

    def redis(self, prefix):
        with stderr_of(prefix) as stderr, Redis(prefix, stderr) as server:
            answers = server.answers()
            figures = server.load(20_000 if self.quick else 100_000)
            return figures, answers + server.answers()


# What is measured: the method of Bench and the program that it needs.
PROGRAMS = {'pigz -p 4': ('pigz', 'pigz'), 'xz -T2': ('xz', 'xz'), 'sysbench cpu, 4 threads': ('sysbench', 'sysbench'),
            'redis-server, 2 I/O threads': ('redis', 'redis-server'),
            'python3, 4 threads at work': ('python', '/usr/bin/python3')}


def cost(results, key):
    """How many times as long as natively it takes."""
    native, evergreen = results['native'][key], results['evergreen'][key]
    return evergreen / native if key == 'seconds' else native / max(evergreen, 1e-9)


def compare_one(bench, program, options):
    """Medians of each contender, and who failed; 'result' where theirs differ."""
    method = getattr(bench, PROGRAMS[program][0])
    seen = set()

    def measure(prefix):
        figures, result = method(prefix)
        seen.add(result)
        return figures

    contenders = {'native': [], 'evergreen': [options.build / 'tools/evergreen', '--stats']}
    results, failed = interleaved(program, contenders, options.rounds, measure)
    if len(seen) > 1:
        say(f'{program}: the results differ')
        failed.add('result')
    return results, failed


def compare(options):
    """Measures and prints. Returns {program: medians of each contender}, and who failed."""
    all_results, all_failed = {}, set()
    with tempfile.TemporaryDirectory(prefix='evergreen-programs-') as directory:
        bench = Bench(pathlib.Path(directory), options.quick)
        for program, (_, needed) in PROGRAMS.items():
            if shutil.which(needed) is None:
                say(f'{program}: {needed} is not installed (tools/packages check)')
                all_failed.add(needed)
                continue
            all_results[program], failed = compare_one(bench, program, options)
            all_failed |= {f'{program}: {name}' for name in failed}
    complete = {program: results for program, results in all_results.items() if len(results) == 2}
    table('programs: threads at work, results compared',
          ['', '', 'native', 'evergreen', 'times as long', f'wanted: {SLOWER_AT_MOST}'],
          [[program, key.replace('_per_s', '/s'), f"{results['native'][key]:,.2f}", f"{results['evergreen'][key]:,.2f}",
            f'{cost(results, key):.2f}', reached(cost(results, key) <= SLOWER_AT_MOST)]
           for program, results in complete.items() for key in results['native']])
    return all_results, all_failed


def programs(options):
    return compare(options)[1]
