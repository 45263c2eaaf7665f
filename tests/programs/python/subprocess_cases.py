"""subprocess: pipes, timeouts, signals and statuses of children, many at once and from threads."""
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

from cases import case, outcome, run
from together import together

SOON = 0.05  # seconds that a wait with a timeout takes


def python(code, **options):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, **options)


@case
def statuses():
    killed = python("import os; os.kill(os.getpid(), 15)").returncode
    return ([subprocess.call(["sh", "-c", f"exit {status}"]) for status in (0, 1, 77, 255)], killed,
            outcome(subprocess.check_call, ["false"]), outcome(subprocess.run, ["/nowhere/at/all"]),
            outcome(subprocess.Popen, ["true"], cwd="/nowhere"))


@case
def output():
    return (subprocess.check_output(["sh", "-c", "echo out; echo err >&2"], stderr=subprocess.STDOUT),
            subprocess.getstatusoutput("echo text; exit 3"), os.system("exit 5"), os.popen("echo popen").read(),
            python("import sys; print(sys.stdin.read().upper())", input="words").stdout)


@case
def environment():
    done = python("import os, sys; print(os.environ['MINE'], os.getcwd(), sys.argv)", env={**os.environ, "MINE": "yes"},
                  cwd="/usr")
    return done.stdout, done.returncode


@case
def threads_and_large_pipes():
    """More than a pipe holds, both ways at once, for 8 children of 8 threads."""
    data = bytes(range(256)) * 4000

    def filtered(number):
        child = subprocess.Popen(["cat"] if number % 2 else ["tee", "/dev/null"], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE)
        return child.communicate(data)[0] == data, child.returncode

    return together(8, filtered)


@case
def a_conversation():
    def converse(number):
        with subprocess.Popen(["sed", "-u", "s/^/> /"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                              bufsize=1) as child:
            lines = []
            for step in range(10):
                child.stdin.write(f"{number} {step}\n")
                lines.append(child.stdout.readline())
            child.stdin.close()
            return lines, child.wait()

    return together(5, converse)


@case
def timeouts():
    def late(_):
        child = subprocess.Popen(["sleep", "1000"], stdout=subprocess.PIPE)
        waits = outcome(child.wait, timeout=SOON), outcome(child.communicate, timeout=SOON), child.poll()
        child.kill()
        return waits, child.wait(), child.communicate()

    return late(0), together(3, late), outcome(subprocess.run, ["sleep", "1000"], timeout=SOON)


@case
def wait_from_several_threads():
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    return together(6, lambda number: child.stdin.close() if number == 5 else child.wait())


@case
def wait_while_others_run():
    """The child ends once another thread has told it to."""
    child = subprocess.Popen(["sh", "-c", "read line; exit $line"], stdin=subprocess.PIPE, text=True)

    def act(number):
        if number == 0:
            return child.wait()
        time.sleep(SOON)
        child.stdin.write("42\n")
        child.stdin.close()

    return together(2, act)


@case
def signals():
    def stop(number):
        code = "import signal, time; signal.signal(15, lambda *_: exit(9)); print('ready', flush=True); time.sleep(1000)"
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
            child.stdout.readline()
            child.send_signal(signal.SIGTERM if number % 2 else signal.SIGKILL)
            return child.wait()

    return together(4, stop)


@case
def sessions_and_descriptors():
    reading, writing = os.pipe()
    code = f"import os; print(os.getsid(0) == os.getpid()); os.write({writing}, b'through the pipe')"
    done = python(code, start_new_session=True, pass_fds=[writing])
    closed = python(f"import os; os.fstat({writing})").returncode
    os.close(writing)
    with os.fdopen(reading) as file:
        return done.stdout, done.returncode, file.read(), closed


@case
def files():
    with tempfile.TemporaryFile("w+") as file:
        subprocess.run(["sh", "-c", "echo to a file; echo errors >&2"], stdout=file, stderr=subprocess.STDOUT)
        file.seek(0)
        return file.read(), subprocess.run(["cat"], stdin=open("/dev/null"), capture_output=True).stdout


@case
def preexec():
    """Which makes subprocess fork, and run Python in the child."""
    return together(4, lambda number: python("import os; print(os.nice(0))", preexec_fn=lambda: os.nice(number)).stdout)


@case
def many_from_threads():
    return together(20, lambda number: [subprocess.run(["echo", f"{number}.{step}"], capture_output=True).stdout
                                        for step in range(5)])


@case
def fork_and_wait():
    def child(number):
        pid = os.fork()
        if pid == 0:
            os._exit(number + 10 * (threading.active_count() == 1))
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    posix_spawned = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 4"], os.environ)
    return together(8, child), child(7), os.waitstatus_to_exitcode(os.waitpid(posix_spawned, 0)[1])


@case
def a_child_with_threads():
    def child(number):
        pid = os.fork()
        if pid == 0:
            os._exit(sum(together(5, lambda one: one * number)))
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    return together(4, child)


@case
def no_child():
    return outcome(os.wait), outcome(os.waitpid, -1, os.WNOHANG), outcome(os.kill, 2**22 + 1, 0)


run()
