#!/usr/bin/python3
"""git.py LAUNCHER: index-pack, repack, gc, grep and checkout with threads, on a repository that the test makes."""
import os
import random
import subprocess

import contenders

ENVIRONMENT = {**os.environ, "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "A",
               "GIT_COMMITTER_EMAIL": "a@b", "GIT_AUTHOR_DATE": "2020-01-01T00:00Z", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_TEST_FSYNC": "0",
               "GIT_COMMITTER_DATE": "2020-01-01T00:00Z", "HOME": "/nowhere"}


def natively(directory, *words):
    return subprocess.run(["git", *words], cwd=directory, env=ENVIRONMENT, check=True, capture_output=True,
                          text=True).stdout


def make(directory):
    """5 commits of 150 files, each change a little different from the last."""
    noise = random.Random(1)
    natively(directory, "init", "-q", "-b", "main")
    lines = [noise.randbytes(20).hex() for _ in range(2000)]
    for commit in range(5):
        for number in range(150 if commit == 0 else 60):
            path = directory / f"folder{number % 7}" / f"file{number}"
            path.parent.mkdir(exist_ok=True)
            path.write_text("\n".join(noise.choices(lines, k=200)))
        natively(directory, "add", ".")
        natively(directory, "-c", "gc.auto=0", "commit", "-q", "-m", f"commit {commit}")


def use(contender):
    def git(*words):
        return contender.run("git", *words, env=ENVIRONMENT)

    directory = contender.directory
    make(directory)
    before = natively(directory, "rev-list", "--all", "--objects")
    git("-c", "pack.threads=4", "repack", "-adfq", "--depth=20", "--window=20")
    pack, = (directory / ".git/objects/pack").glob("*.pack")
    copy = directory / "copy.pack"
    copy.write_bytes(pack.read_bytes())
    indexed = git("index-pack", "--threads=4", copy), pack.name.endswith(git("index-pack", "--threads=4", copy).strip()
                                                                        + ".pack")
    same_index = copy.with_suffix(".idx").read_bytes() == pack.with_suffix(".idx").read_bytes()
    found = git("-c", "grep.threads=4", "grep", "-c", "abc", "main")
    git("-c", "pack.threads=4", "gc", "-q", "--prune=now")
    checked = git("fsck", "--full", "--strict"), natively(directory, "fsck", "--full", "--strict")
    git("clone", "-q", "--no-local", "-c", "checkout.workers=1", str(directory), str(directory / "clone"))
    return (before == natively(directory, "rev-list", "--all", "--objects"), before, indexed, same_index, found, checked,
            natively(directory / "clone", "status", "--short"), natively(directory / "clone", "rev-parse", "HEAD^{tree}"))


contenders.compare(use, greenlets_min=12, kernel_threads_max=20)
