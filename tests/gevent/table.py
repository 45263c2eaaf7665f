#!/usr/bin/python3
"""table.py COMPILER...: prints table.txt, and checks it.

Each name of the column "here" is compiled against the public headers, so that none is made up; and what names.py finds
in the installed gevent must have a row.
"""
import collections
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
TABLE = HERE / "table.txt"
INCLUDE = HERE.parents[1] / "hub"
VERDICTS = {"same": "same", "better": "better", "not": "on purpose not", "missing": "missing"}
LIBC = ["netdb.h", "poll.h", "pty.h", "signal.h", "sys/epoll.h", "sys/select.h", "sys/wait.h", "unistd.h", "mutex"]

Row = collections.namedtuple("Row", "line name here verdict why")


def read():
    for number, text in enumerate(TABLE.read_text().splitlines(), 1):
        if not text.startswith("#"):
            name, here, verdict, why = [field.strip() for field in (text + " ").split(" | ")]
            yield Row(number, name, [] if here == "-" else here.split(", "), verdict, why)


def faults(rows):
    """What is wrong with the table itself."""
    names = [row.name for row in rows]
    if names != sorted(set(names)):
        yield "the rows are not sorted, or one is there twice"
    for row in rows:
        if row.verdict not in VERDICTS:
            yield f"{row.name}: what is {row.verdict!r}?"
        elif row.verdict == "missing" and row.here:
            yield f"{row.name}: it is there, so it is not missing"
        elif not row.why and (row.verdict != "same" or not row.here):
            yield f"{row.name}: why?"
    found = subprocess.run([sys.executable, HERE / "names.py"], capture_output=True, text=True, check=True).stdout
    for name in sorted(set(found.split()) - set(names)):
        yield f"{name}: gevent has it, and there is no row"


def declaration(name, number, enums):
    """A declaration that is an error unless `name` is a public one: a using-declaration, which takes any kind."""
    scope, _, member = name.rpartition("::")
    full = name if name.startswith(("std::", "::")) else "evergreen::" + name
    if not re.search(r"[A-Z<]", scope) or scope in enums:  # of a namespace
        return f"namespace row{number} {{ using {full.split('<')[0]}; }}"
    of = "evergreen::" + scope.replace("<T>", "<int>")
    return f"struct Row{number} : {of} {{ using {of}::{member}; }};"


def program(rows):
    headers = sorted(INCLUDE.glob("evergreen/*.h"))
    enums = re.findall(r"\benum (?:class )?(\w+)", "".join(header.read_text() for header in headers))
    yield from (f"#include <{header}>" for header in LIBC)
    yield from (f'#include "evergreen/{header.name}"' for header in headers)
    for row in rows:
        for part, name in enumerate(row.here):
            yield f'#line {row.line} "{TABLE.name}"'
            yield declaration(name, f"{row.line}_{part}", enums)


def main():
    rows = list(read())
    print(TABLE.read_text())
    count = collections.Counter(row.verdict for row in rows)
    print(f"{len(rows)} names: " + ", ".join(f"{count[verdict]} {words}" for verdict, words in VERDICTS.items()))
    wrong = list(faults(rows))
    print(*wrong, sep="\n")
    # "final" goes, because a member is named in a class that derives from its own.
    compiler = [*sys.argv[1:], "-std=c++20", "-D_GNU_SOURCE", "-Dfinal=", "-fsyntax-only", f"-I{INCLUDE}",
                "-x", "c++", "-"]
    source = "\n".join(program(rows)) + "\n"
    return 1 if subprocess.run(compiler, input=source, text=True).returncode != 0 or wrong else 0


sys.exit(main())
