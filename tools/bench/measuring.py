"""What all questions share: contenders that take turns, key=value lines, tables."""
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile

# Servers and single programs run on the first CPU, loads on the last: the kernel moves nobody in the middle of a run.
CPUS = sorted(os.sched_getaffinity(0))
KERNEL_STACK_KIB = 16  # THREAD_SIZE on x86-64: what each kernel thread costs the kernel, at least


def on_cpu(cpu, command):
    """taskset execs, so the process that is started is the command's own. None: on any."""
    pinned = [] if cpu is None else ['taskset', '--cpu-list', str(cpu)]
    return [*pinned, *map(str, command)]


def pairs(line):
    """'a=1 b=2.5' as a dictionary of numbers."""
    return {key: float(value) for key, value in (pair.split('=') for pair in line.split())}


def output_of(command, cpu=CPUS[0], limit=None):
    """What a program prints. It raises after `limit` seconds."""
    with stderr_of(command) as stderr:
        done = subprocess.run(on_cpu(cpu, command), stdout=subprocess.PIPE, stderr=stderr, text=True, check=True,
                              timeout=limit)
    return pairs(done.stdout)


@contextlib.contextmanager
def stderr_of(command):
    """A file for a program's stderr, which is passed on at the end without the line of --stats. Raises RuntimeError
    where that line is asked for and does not speak of greenlets: then the threads were native ones, and the figures
    are not evergreen's."""
    with tempfile.TemporaryFile('w+') as file:
        try:
            yield file
        finally:
            file.seek(0)
            lines = file.readlines()
            stats = [line for line in lines if line.startswith('evergreen: greenlets=')]
            sys.stderr.writelines(line for line in lines if line not in stats)
        if '--stats' in map(str, command) and not any(int(line.split('=')[1].split()[0]) > 0 for line in stats):
            raise RuntimeError('no greenlet ran')


def say(text):
    print(text, file=sys.stderr, flush=True)


def interleaved(question, contenders, rounds, measure):
    """The medians of each contender's results. All are measured once before any is measured again, so that a machine
    that slows down slows all of them down. One that fails is named, and left out of the further rounds."""
    results = {name: [] for name in contenders}
    failed = set()
    for number in range(rounds):
        say(f'{question}: round {number + 1} of {rounds}')
        for name, contender in contenders.items():
            if name in failed:
                continue
            try:
                results[name].append(measure(contender))
            except (subprocess.SubprocessError, OSError, RuntimeError) as error:
                say(f'{question}: {name}: {error}')
                failed.add(name)
    good = {name: medians(result) for name, result in results.items() if name not in failed}
    return good, failed


def medians(results):
    """But of a quantity named worst_… the largest."""
    return {key: (max if key.startswith('worst_') else statistics.median)(result[key] for result in results)
            for key in results[0]}


def reached(holds):
    """How a goal is reported. No test asserts one: this machine's speed is not ours."""
    return 'reached' if holds else 'missed'


def ratio(results, name, key):
    """To native, as text."""
    if 'native' not in results or results['native'][key] == 0:
        return '-'
    value = results[name][key] / results['native'][key]
    return f'{value:.2f}' if value >= 0.1 else f'{value:.2g}'


def table(title, headers, rows):
    """First column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(headers, *rows)]
    print(f'\n{title}\n')
    for row in (headers, *rows):
        cells = [cell.ljust(width) if i == 0 else cell.rjust(width)
                 for i, (cell, width) in enumerate(zip(row, widths))]
        print('  ' + '  '.join(cells).rstrip())
    sys.stdout.flush()
