#!/usr/bin/python3
"""readme.py: what the README shows of an example is what the file says, and no example is left out, nor by the build.

A block of C++ belongs to the example that is named last before it, and has lines of it that follow each other.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def blocks(text):
    """Each block of C++ with the example that was named last."""
    for match in re.finditer(r"^```cpp\n(.*?)^```$", text, re.M | re.S):
        named = re.findall(r"examples/\w+\.c(?:pp)?\b", text[:match.start()])
        yield (named or [None])[-1], match.group(1)


def main():
    text = (ROOT / "README.md").read_text()
    wrong = []
    shown = list(blocks(text))
    for name, code in shown:
        file = ROOT / (name or "")
        if name is None or not file.is_file():
            wrong.append(f"whose is this?\n{code}")
        elif f"\n{code}" not in f"\n{file.read_text()}":
            wrong.append(f"{name} does not say\n{code}")
    named = set(re.findall(r"examples/\w+\.c(?:pp)?\b", text))
    there = {f"examples/{file.name}" for file in (ROOT / "examples").iterdir() if file.suffix in (".c", ".cpp")}
    wrong += [f"{name} is named, and not there" for name in sorted(named - there)]
    wrong += [f"{name} is not named" for name in sorted(there - named)]
    built = (ROOT / "examples/meson.build").read_text()
    wrong += [f"{name} is not built" for name in sorted(there) if f"'{pathlib.Path(name).stem}'" not in built]
    for name in sorted(there):
        if name.endswith("pp") and len((ROOT / name).read_text().splitlines()) > 90:
            wrong.append(f"{name} is too long")
    print(*wrong, f"{len(shown)} blocks of C++, {len(there)} examples", sep="\n")
    return 1 if wrong else 0


sys.exit(main())
