#!/usr/bin/python3
"""launcher.py LAUNCHER STATIC_PROGRAM: what build/tools/evergreen passes on, and what it refuses."""
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import unittest

LIMIT = 30


def run(*arguments, **options):
    if "input" not in options:
        options["stdin"] = subprocess.DEVNULL
    return subprocess.run([launcher, *arguments], capture_output=True, timeout=LIMIT, text=True, **options)


class PassesOn(unittest.TestCase):
    def test_exit_status(self):
        for status in (0, 1, 2, 3, 126, 127, 255):
            self.assertEqual(run("/bin/sh", "-c", f"exit {status}").returncode, status)

    def test_death_by_a_signal(self):
        for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGABRT):
            self.assertEqual(run("/bin/sh", "-c", f"ulimit -c 0; kill -{number.value} $$").returncode, -number)

    def test_a_signal_sent_to_it(self):
        process = subprocess.Popen([launcher, "/bin/sleep", "60"])
        with open(f"/proc/{process.pid}/comm") as comm:
            while comm.read().strip() != "sleep":  # until it has become the program
                comm.seek(0)
                time.sleep(0.001)
        process.terminate()
        self.assertEqual(process.wait(timeout=LIMIT), -signal.SIGTERM)

    def test_stdin_and_stdout(self):
        text = "line\n" * 100000
        done = run("/bin/cat", input=text)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, text, ""))

    def test_arguments(self):
        arguments = ["--stats", "-x", "", "two words", "--help"]
        done = run("/usr/bin/printf", "<%s>", *arguments)
        self.assertEqual(done.stdout, "".join(f"<{argument}>" for argument in arguments))

    def test_pid(self):
        process = subprocess.Popen([launcher, "/bin/sh", "-c", "echo $$"], stdout=subprocess.PIPE, text=True)
        self.assertEqual(process.communicate(timeout=LIMIT)[0].strip(), str(process.pid))

    def test_environment(self):
        done = run("/usr/bin/env", env={"PATH": "/usr/bin", "OWN": "value", "LD_PRELOAD": "libm.so.6"})
        lines = done.stdout.splitlines()
        self.assertIn("OWN=value", lines)
        preload = [line for line in lines if line.startswith("LD_PRELOAD=")]
        self.assertEqual(len(preload), 1)
        self.assertRegex(preload[0], r"libevergreen-patch\.so[: ]libm\.so\.6$")

    def test_the_program_is_found_on_path(self):
        self.assertEqual(run("true").returncode, 0)
        self.assertEqual(run("false").returncode, 1)


class Prints(unittest.TestCase):
    def test_help(self):
        done = run("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for option in ("--stats", "--hubs", "--stack-size", "--help", "--version"):
            self.assertIn(option, done.stdout)

    def test_version(self):
        done = run("--version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"^evergreen \d+\.\d+\.\d+\n$")

    def test_stats(self):
        done = run("--stats", "/bin/true")
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        self.assertRegex(done.stderr, r"\Aevergreen:( \w+=\d+)+\n\Z")
        keys = re.findall(r"(\w+)=", done.stderr)
        self.assertLessEqual({"greenlets", "greenlets_peak", "switches", "parks", "kernel_threads_peak"}, set(keys))

    def test_stats_of_the_program_not_of_its_children(self):
        script = "import subprocess, sys; subprocess.run(['/bin/true']); subprocess.run(['/bin/true']); sys.exit(4)"
        done = run("--stats", "/usr/bin/python3", "-c", script)
        self.assertEqual(done.returncode, 4)
        self.assertEqual(done.stderr.count("evergreen: "), 1, done.stderr)

    def test_nothing_by_itself(self):
        done = run("/bin/true")
        self.assertEqual((done.stdout, done.stderr), ("", ""))


class Refuses(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="evergreen-launcher-")
        os.chmod(self.folder, 0o755)

    def tearDown(self):
        shutil.rmtree(self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def check_refused(self, status, words, *arguments, **options):
        done = run(*arguments, **options)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertRegex(done.stderr, r"\Aevergreen: [^\n]+\n\Z")  # one clear line
        self.assertRegex(done.stderr, words)

    def copy_of_true(self, name, mode=0o755):
        shutil.copyfile("/bin/true", self.path(name))
        os.chmod(self.path(name), mode)
        return self.path(name)

    def script(self, name, first_line):
        with open(self.path(name), "w") as script:
            script.write(first_line + "\nexit 5\n")
        os.chmod(self.path(name), 0o755)
        return self.path(name)

    def test_what_is_not_there(self):
        self.check_refused(127, "no-such-program", "no-such-program")
        self.check_refused(127, "no-such-program", "/no-such-program")
        self.check_refused(127, "no-such-program", "./no-such-program")

    def test_what_is_not_executable(self):
        self.check_refused(2, "not executable", self.copy_of_true("plain", 0o644))

    def test_a_directory(self):
        self.check_refused(2, "directory", self.folder)

    def test_a_static_program(self):
        self.assertEqual(subprocess.run([static_program]).returncode, 0)
        self.check_refused(2, "static", static_program)

    @unittest.skipUnless(os.getuid() == 0, "only root can give files away")
    def test_a_setuid_program(self):
        program = self.copy_of_true("setuid")
        os.chown(program, 65534, 65534)
        os.chmod(program, 0o755 | stat.S_ISUID)
        self.check_refused(2, "setuid", program)

    def test_what_is_no_program(self):
        with open(self.path("text"), "w") as text:
            text.write("not a program\n")
        os.chmod(self.path("text"), 0o755)
        self.check_refused(2, "neither", self.path("text"))

    def test_another_architecture(self):
        with open("/bin/true", "rb") as original, open(self.path("other"), "wb") as copy:
            image = bytearray(original.read())
            image[18] = 183  # e_machine: AArch64
            copy.write(image)
        os.chmod(self.path("other"), 0o755)
        self.check_refused(2, "machine|architecture", self.path("other"))

    def test_scripts_run_by_what_they_name(self):
        self.assertEqual(run(self.script("good", "#!/bin/sh")).returncode, 5)
        self.assertEqual(run(self.script("by-env", "#!/usr/bin/env sh")).returncode, 5)
        self.check_refused(2, "static", self.script("by-static", "#!" + static_program))
        self.check_refused(127, "no-such-interpreter", self.script("by-none", "#!/no-such-interpreter"))

    def test_wrong_options(self):
        self.check_refused(2, "--nonsense", "--nonsense", "/bin/true")
        self.check_refused(2, "--hubs", "--hubs")
        for hubs in ("0", "31", "two", "2x", "-1"):
            self.check_refused(2, f"--hubs {hubs}", "--hubs", hubs, "/bin/true")
        self.check_refused(2, "--stack-size", "--stack-size")
        self.check_refused(2, "--stack-size", "--stack-size", "much", "/bin/true")
        self.check_refused(2, "program", "--stats")
        self.check_refused(2, "program")


if __name__ == "__main__":
    launcher, static_program = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
