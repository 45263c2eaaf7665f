"""The question about ticks: how late a thread's 1 ms ticks come while two others block, compute or spin.

A spinner on each core takes half of it away meanwhile, as other programs would.
"""
import contextlib
import statistics
import subprocess

from measuring import CPUS, on_cpu, output_of, say, table

KINDS = {'blocks': 'block in a system call that no shim sees', 'computes': 'compute', 'spins': 'spin on an atomic'}


@contextlib.contextmanager
def all_cores_busy():
    spinners = [subprocess.Popen(on_cpu(cpu, ['bash', '-c', 'while :; do :; done'])) for cpu in CPUS]
    try:
        yield
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.wait()


def compare(options):
    """Measures and prints. Returns each contender's runs of each kind, and who failed."""
    program = options.build / 'tests/programs/ticker'
    contenders = {'native': [program], 'evergreen': [options.build / 'tools/evergreen', '--stats', program]}
    runs = {(kind, name): [] for kind in KINDS for name in contenders}
    failed = set()
    with all_cores_busy():
        for number in range(options.runs):
            say(f'ticks: run {number + 1} of {options.runs}')
            for kind, name in runs:
                try:
                    runs[kind, name].append(output_of([*contenders[name], kind], cpu=None, limit=60))
                except (subprocess.SubprocessError, RuntimeError) as error:
                    say(f'ticks: {name}: {error}')
                    failed.add(name)
    table(f'ticks: a 1 ms ticker beside two threads that do this for a second; {options.runs} runs on busy cores, '
          'ms between ticks',
          ['', '', 'ticks', 'p50', 'p99', 'worst of a run: p50', 'p99', 'max'],
          [[KINDS[kind] if name == 'native' else '', name, *figures(result)]
           for (kind, name), result in runs.items() if result])
    return runs, failed


def figures(runs):
    def median(key, unit):
        return statistics.median(run[key] for run in runs) / unit

    def worst(part):
        return sorted(run['worst_us'] / 1000 for run in runs)[int(part * (len(runs) - 1) + 0.5)]

    return [f"{median('ticks', 1):.0f}", f"{median('p50_us', 1000):.2f}", f"{median('p99_us', 1000):.1f}",
            f'{worst(0.5):.1f}', f'{worst(0.99):.1f}', f'{worst(1):.1f}']


def ticks(options):
    return compare(options)[1]
