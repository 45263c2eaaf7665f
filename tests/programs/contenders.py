"""What the tests of real programs share: NAME.py LAUNCHER runs one natively, and under evergreen with 1 and 2 hubs."""
import contextlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools/bench"))

SKIPPED = 77  # as meson has it
PATIENCE = 60  # seconds
CONTENDERS = {"native": [], "1 hub": ["--stats", "--hubs", "1"], "2 hubs": ["--stats", "--hubs", "2"]}
STATS = re.compile(r"^evergreen: greenlets=.*$", re.MULTILINE)


class Contender:
    """Starts programs natively or under evergreen, and reads what --stats says of them."""

    def __init__(self, name, launcher, directory):
        self.name, self.directory, self.stats = name, directory, []
        self.prefix = [launcher, *CONTENDERS[name]] if CONTENDERS[name] else []

    def run(self, *command, status=0, **options):
        """What it prints."""
        process = subprocess.Popen([*map(str, [*self.prefix, *command])], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
                                   cwd=self.directory, **options)
        return self._ended(process, command, status)

    @contextlib.contextmanager
    def server(self, *command, end, is_ready, status=0):
        """While it runs; the signal `end` must make it end, and well; 0: it ends by itself."""
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen([*map(str, [*self.prefix, *command])], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True,
                                       cwd=self.directory)
            try:
                wait_until(is_ready, process)
                yield process
                process.send_signal(end)
                process.wait(PATIENCE)
            finally:
                end_group(process)
            errors.seek(0)
            self._check(command, process.returncode, status, errors.read().decode(errors="replace"))

    def _ended(self, process, command, status):
        try:
            output, errors = process.communicate(timeout=PATIENCE)
        finally:
            end_group(process)
        self._check(command, process.returncode, status, errors.decode(errors="replace"), output)
        return output.decode(errors="replace")

    def _check(self, command, status, wanted, errors, output=b""):
        if status != wanted:
            raise RuntimeError(f"{command} ended with {status}: {output[-1000:]} {errors[-3000:]}")
        lines = STATS.findall(errors)
        self.stats += [{key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", lines[-1])}] if lines else []


def end_group(process):
    """With whatever it has left behind."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, 9)
    process.wait()


def wait_until(is_ready, process):
    end = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(OSError):
            if is_ready():
                return
        time.sleep(0.01)
    raise RuntimeError(f"did not come up; {process.poll()}")


def compare(use, greenlets_min, kernel_threads_max):
    """use(contender) returns what must be the same for all. Ends this process."""
    results, failed = {}, False
    for name in CONTENDERS:
        begin = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="evergreen-program-") as directory:
            contender = Contender(name, sys.argv[1], pathlib.Path(directory))
            try:
                results[name] = use(contender)
            except (OSError, RuntimeError, subprocess.SubprocessError) as error:
                print(f"FAILED: {name}: {type(error).__name__}: {error}")
                failed = True
                continue
        print(f"{name}: {time.monotonic() - begin:.2f} s, {contender.stats}")
        if results[name] != results.get("native"):
            print(f"FAILED: {name}: {results[name]}\nnative: {results.get('native')}"[:5000])
            failed = True
        if name != "native" and (sum(one["greenlets"] for one in contender.stats) < greenlets_min or
                                 max(one["kernel_threads_peak"] for one in contender.stats) > kernel_threads_max):
            print(f"FAILED: {name}: at least {greenlets_min} greenlets, at most {kernel_threads_max} kernel threads")
            failed = True
    sys.exit(1 if failed else 0)
