"""Asks black what it would change, one file after the other.

Usage: run_black.py --out DIFF --path TOOL --files files.json -- OPTION...

In one process: for several files black starts others, and speaks to
them by a socket whose path would be too long in a job's folder. The
app's own black comes before the tool's. Exit: black's highest code; 125:
there is no black.
"""

import json
import os
import sys


def add_tool(path):
    folder = path
    if os.path.isfile(path):
        folder = os.path.dirname(os.path.dirname(path))
    sys.path.append(folder)


def main(words):
    at = words.index("--")
    named = dict(zip(words[:at:2], words[1:at:2]))
    add_tool(named["--path"])
    try:
        import black
    except ImportError as error:
        print("lockstep: a tool is missing: %s" % error, file=sys.stderr)
        return 125
    with open(named["--files"], encoding="utf-8") as stream:
        files = json.load(stream)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    os.dup2(os.open(named["--out"], flags, 0o600), 1)
    highest = 0
    for path in files:
        try:
            code = black.main(words[at + 1:] + ["--", path],
                              prog_name="black", standalone_mode=False)
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 1
        sys.stdout.flush()
        highest = max(highest, code or 0)
    return highest


if __name__ == "__main__":
    # the script's folder goes: nothing beside it may stand for a module
    sys.path.pop(0)
    sys.exit(main(sys.argv[1:]))
