"""Becomes one tool, with what it prints to stdout in a report.

Usage: capture.py --out FILE [--root FILE] [--own MODULE]
       [--own-file PATH] -- TOOL ...

Writes the folder that it runs in to --root, for tools that print whole
paths. With --own the app's own version is taken when this Python has the
module; with --own-file, the file of that path among its packages stands
in for the first argument that ends with it. Exit: the tool's own; 127:
it could not be started.
"""

import importlib.util
import os
import sys

# isolated: nothing of the current folder stands for the tool
RUN = ("import runpy, sys; sys.argv[0] = %r; "
       "runpy.run_module(%r, run_name='__main__', alter_sys=True)")


def has(module):
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def own_file(path):
    for folder in sys.path:
        candidate = os.path.join(folder, path)
        if folder and os.path.isfile(candidate):
            return candidate
    return None


def main(words):
    at = words.index("--")
    options, argv = words[:at], words[at + 1:]
    named = dict(zip(options[::2], options[1::2]))
    module, path = named.get("--own"), named.get("--own-file")
    if module and has(module):
        argv = [sys.executable, "-I", "-c", RUN % (module, module)] + argv[1:]
    mine = path and own_file(path)
    if mine:
        argv = [mine if word.endswith("/" + path) else word for word in argv]
    if "--root" in named:
        with open(named["--root"], "w", encoding="utf-8") as stream:
            stream.write(os.getcwd())
    # in an image nobody but this program knows which it is
    argv = [sys.executable if word == "{python}" else word for word in argv]
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    os.dup2(os.open(named["--out"], flags, 0o600), 1)
    try:
        os.execv(argv[0], argv)
    except OSError as error:
        print("lockstep: %s: %s" % (argv[0], error), file=sys.stderr)
        return 127


if __name__ == "__main__":
    # the script's folder goes: nothing beside it may stand for a module
    sys.path.pop(0)
    sys.exit(main(sys.argv[1:]))
