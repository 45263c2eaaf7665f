"""The questions about threads alone: switch, spawn, idle."""
from measuring import KERNEL_STACK_KIB, interleaved, output_of, ratio, table


def contenders(build, question, count):
    program = build / 'tools/bench' / question
    return {'native': [program, count],
            'evergreen': [build / 'tools/evergreen', program, count],
            'bare fibers': [build / 'tools/bench/fibers', question, count]}


def switch(options):
    count = 100_000 if options.quick else 1_000_000
    results, failed = interleaved('switch', contenders(options.build, 'switch', count), options.rounds, output_of)
    table('switch: two threads yield to each other, on one CPU', ['', 'ns a yield', 'to native', 'did switch'],
          [[name, f"{result['ns']:.1f}", ratio(results, name, 'ns'), f"{result['handovers']:.0%}"]
           for name, result in results.items()])
    return failed


def spawn(options):
    count = 10_000 if options.quick else 100_000
    results, failed = interleaved('spawn', contenders(options.build, 'spawn', count), options.rounds, output_of)
    table('spawn: pthread_create and pthread_join of one thread after the other, on one CPU',
          ['', 'ns', 'to native'],
          [[name, f"{result['ns']:.0f}", ratio(results, name, 'ns')] for name, result in results.items()])
    return failed


def idle(options):
    count = 2_000 if options.quick else 10_000

    def measure(command):
        result = output_of(command)
        result['kernel_stacks_kib'] = result['kernel_threads'] * KERNEL_STACK_KIB
        result['total_kib'] = sum(result[key] for key in ('rss_kib', 'page_tables_kib', 'kernel_stacks_kib'))
        return result

    results, failed = interleaved('idle', contenders(options.build, 'idle', count), options.rounds, measure)
    keys = ['rss_kib', 'page_tables_kib', 'kernel_stacks_kib', 'total_kib']
    table(f'idle: what each of {count:,} sleeping threads costs, in KiB '
          f'(kernel stacks: an estimate, {KERNEL_STACK_KIB} KiB a kernel thread)',
          ['', 'kernel threads', 'RSS', 'page tables', 'kernel stacks', 'together', 'to native'],
          [[name, f"{result['kernel_threads']:.0f}", *(f'{result[key] / count:.2f}' for key in keys),
            ratio(results, name, 'total_kib')] for name, result in results.items()])
    return failed
