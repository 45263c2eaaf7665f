#!/usr/bin/python3
"""Runs the fuzzer natively and under evergreen, and compares what each call did.

    fuzz.py --evergreen LAUNCHER [--calls N] [--seed S]... FUZZ

Each seed's calls are dealt to some processes; every other one of the preloaded has two hubs. What differs is run once
more, alone and with no other load of ours: only what differs again is a failure. Every batch's first difference counts:
what follows it in the same child may follow from it.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

CALLS_PER_CHILD = 50  # child.h
CALLS_PER_SHARD = 2500
MOST_FAILURES = 20  # enough to look at

# What differs by design: how the native line looks, how the preloaded one, and why.
KNOWN = [
    (r"select6?\(.*(read_only|over_edge)", r" EFAULT ",
     "that a set cannot be written is told at once, not when the wait is over; and of sets that are longer than the "
     "table of descriptors the kernel reads as much as that table is long, in which ours lie far up"),
    (r"select6?\((INT_MAX|1024),.*over_edge.* EFAULT", r"", "the same table of descriptors"),
    (r"(write|send).*\(tcp_(eof|reset).* = [1-9]", r" = [1-9]",
     "of an error in the midst of a write the next call should tell (POLLERR): the shim's next piece has had it"),
    (r"poll(_chk)?\(.*\] (read_only|over_edge|edge)", r" EFAULT ", "that entries cannot be written is told at once"),
    (r"poll(_chk)?\(.*(kernel|non_canonical), (0|4G),", r" EFAULT ",
     "the kernel finds fault with the address of no entries when the wait is over, the shim at once"),
    (r"recvfrom.*MSG_WAITALL.*(read_only|over_edge|kernel|non_canonical|unmapped|NULL)", r" EFAULT ",
     "that the peer's address cannot be written is told when the first bytes have come"),
    (r"(sendfile64|sendfile|splice)\(.*(unix|tcp|udp|dgram|seq|netlink)", r" waits, and so does the other thread",
     "the kernel keeps the pipe locked while it waits for the socket: whether the pipe's reader gets in before is chance"),
    (r"(sendfile64|sendfile|splice)\(.* waits, and so does the other thread", r"", "the same natively"),
    (r"recvmmsg\(.*= [1-9]", r"= [1-9]",
     "an error after the first message: the kernel keeps it for the socket's next call (POLLERR), a shim cannot"),
    (r"recvmmsg\(tcp_\w+, .*= 1 ", r" ECONNRESET ",
     "of a reset connection: not understood yet"),
    (r"readv\(pty, .* EFAULT ", r" EFAULT ", "what a terminal has given when a buffer turns out bad: not understood yet"),
    (r"pt(y?)\(.*(ENOSPC|errno kept)", r"ENOSPC|errno kept", "the machine has so many terminals, and others use them"),
    (r"sendfile(64)?\(\w+, queue_", r"", "a message queue cannot be sent, which shows when there is room for it"),
    (r"(write|send).*\(unix_.* = [1-9]", r" = [1-9]",
     "a peer's close ends a half-done write; the kernel forgets the error then, SO_ERROR has it still (blocking.h)"),
]


class Shard:
    """Some consecutive calls of a seed."""

    def __init__(self, options, seed, start, count):
        self.options, self.seed, self.start, self.count = options, seed, start, count

    def command(self, *more):
        return [self.options.fuzz, "--seed", str(self.seed), *more]

    def environment(self, hubs):
        return {**os.environ, "EVERGREEN_HUBS": str(hubs)}

    def hubs(self):
        return 1 + self.start // CALLS_PER_SHARD % 2

    def run(self, preloaded, start=None, count=None):
        """The lines, by the number of the call."""
        command = self.command("--from", str(self.start if start is None else start),
                               "--count", str(self.count if count is None else count))
        if preloaded:
            command = [self.options.evergreen] + command
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=self.environment(self.hubs()), start_new_session=True, check=False)
        if ended.returncode != 0:
            raise SystemExit(f"FAILED: {command} ended with {ended.returncode}: {ended.stderr.decode(errors='replace')}")
        lines = ended.stdout.decode(errors="replace").splitlines()
        return {int(line.split(" ", 1)[0]): line for line in lines}

    def compare(self, start=None, count=None):
        """The first difference of each child, and how many calls there were."""
        native, preloaded = self.run(False, start, count), self.run(True, start, count)
        found = {}
        for number in sorted(native.keys() | preloaded.keys()):
            batch = number // CALLS_PER_CHILD
            if batch not in found and native.get(number) != preloaded.get(number):
                found[batch] = (number, native.get(number, "not made"), preloaded.get(number, "not made"))
        return len(native), list(found.values()), native


def confirmed(shard, differences):
    """Those that are there again, at the same call, each of eight times that their children run alone: so what chance
    decides is none. Those that are known are not looked at again."""
    result = []
    for number, native, preloaded in differences:
        if is_known(native, preloaded):
            result.append((number, native, preloaded))
            continue
        start = number // CALLS_PER_CHILD * CALLS_PER_CHILD
        for _ in range(8):
            again = [found for found in shard.compare(start, CALLS_PER_CHILD)[1] if found[0] == number]
            if not again:
                break
        result += again
    return result


def is_known(native, preloaded):
    return any(re.search(shape, native) and re.search(shape_preloaded, preloaded)
               for shape, shape_preloaded, _ in KNOWN)


def symbol(line):
    return re.sub(r"^\d+ ([\w:]+).*", r"\1", line)


def report(shard, number, native, preloaded):
    print(f"DIFFERS (EVERGREEN_HUBS={shard.hubs()}; {' '.join(shard.command('--only', str(number)))})")
    print("  native:    ", native)
    print("  preloaded: ", preloaded, flush=True)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--evergreen", required=True, help="path of the launcher")
    parser.add_argument("--calls", type=int, default=50000, help="of each seed")
    parser.add_argument("--seed", type=int, action="append", help="may be given several times; default: 1 and 2")
    parser.add_argument("--jobs", type=int, default=8, help="processes at a time: most of them wait")
    parser.add_argument("--hooks", required=True, help="path of hooks.def")
    parser.add_argument("fuzz", help="path of the program")
    return parser.parse_args()


def main():
    options = parse()
    seeds = options.seed or [1, 2]
    print("seeds:", *seeds)
    hooked = re.findall(r"^HOOK\((\w+)", pathlib.Path(options.hooks).read_text(encoding="utf-8"), re.MULTILINE)
    if not hooked or subprocess.run([options.fuzz, "--check"] + hooked, check=False).returncode != 0:
        return 1
    shards = [Shard(options, seed, start, min(CALLS_PER_SHARD, options.calls - start))
              for seed in seeds for start in range(0, options.calls, CALLS_PER_SHARD)]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        outcomes = list(pool.map(Shard.compare, shards))
    calls = sum(count for count, _, _ in outcomes)
    lines = [line for _, _, native in outcomes for line in native.values()]
    again, known, failures = 0, 0, 0
    for shard, (_, differences, _) in zip(shards, outcomes):
        again += len(differences)
        for difference in confirmed(shard, differences) if failures < MOST_FAILURES else []:
            if is_known(*difference[1:]):
                known += 1
                continue
            failures += 1
            report(shard, *difference)
    waits, killed = (sum(word in line for line in lines) for word in (") waits", ") killed by signal"))
    print(f"{calls} calls of {len({symbol(line) for line in lines})} kinds; {waits} waited until the end, {killed} died; "
          f"{again} children were run again, {known} differ as they should, {failures} as they should not")
    return 1 if failures or calls != options.calls * len(seeds) else 0


if __name__ == "__main__":
    sys.exit(main())
