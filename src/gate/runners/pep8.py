"""PEP 8 by pycodestyle and pyflakes in one process, as JSON.

Usage: pep8.py --files files.json --out style.json [--path TOOL]...
       [--config FILE] [--only pycodestyle]

Looks at exactly the files of the list, relative to the current folder,
imports nothing of the app, follows no symbolic link. Exit 0: looked at
them all, whatever was found; 125: a tool is missing.
"""

import argparse
import ast
import glob
import json
import os
import re
import stat
import sys
import tokenize

FINDING_LIMIT = 20000


def add_tool(path):
    """Make a tool importable: its folder, its file or its command."""
    folders = [path]
    if os.path.isfile(path):
        folders = [os.path.dirname(path)]
    for base in (path, os.path.dirname(os.path.dirname(path))):
        folders.append(os.path.join(base, "site-packages"))
        folders += glob.glob(
            os.path.join(base, "lib", "python3*", "site-packages"))
    sys.path[:0] = [folder for folder in folders if os.path.isdir(folder)]


def is_plain_file(path):
    if os.path.isabs(path) or ".." in path.split("/"):
        return False
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return False
    except OSError:
        return False
    root = os.path.realpath(".")
    return os.path.realpath(path).startswith(root + os.sep)


def check_pycodestyle(files, config, findings):
    import pycodestyle

    class Report(pycodestyle.BaseReport):
        def error(self, line_number, offset, text, check):
            code = super().error(line_number, offset, text, check)
            # a repeated code is None: BaseReport shows the first only
            code = code or text[:4]
            if self._ignore_code(code):
                return None
            findings.append((self.filename, line_number, code, text[5:]))
            return code

    guide = pycodestyle.StyleGuide(
        paths=files, config_file=config or os.devnull, quiet=2,
        reporter=Report)
    for path in files:
        guide.input_file(path)
    return pycodestyle.__version__


def check_pyflakes(files, findings):
    import pyflakes
    from pyflakes import checker

    for path in files:
        try:
            with tokenize.open(path) as stream:
                source = stream.read()
            tree = ast.parse(source, filename=path)
        except SyntaxError as error:
            findings.append(
                (path, error.lineno, "SyntaxError", error.msg or "invalid"))
            continue
        except (ValueError, RecursionError, MemoryError, OSError) as error:
            findings.append((path, 1, "SyntaxError", str(error)))
            continue
        lines = source.splitlines()
        try:
            messages = checker.Checker(tree, path).messages
        except RecursionError:
            continue
        for message in messages:
            number = message.lineno
            line = lines[number - 1] if 0 < number <= len(lines) else ""
            if re.search(r"#\s*noqa\b", line, re.I):
                continue
            findings.append((path, number, type(message).__name__,
                             message.message % message.message_args))
    return pyflakes.__version__


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--path", action="append", default=[])
    parser.add_argument("--config")
    parser.add_argument("--only")
    options = parser.parse_args()
    for path in options.path:
        add_tool(path)
    with open(options.files, encoding="utf-8") as stream:
        files = [path for path in json.load(stream) if is_plain_file(path)]
    findings, tools = [], {}
    try:
        tools["pycodestyle"] = check_pycodestyle(
            files, options.config, findings)
        if options.only != "pycodestyle":
            tools["pyflakes"] = check_pyflakes(files, findings)
    except ImportError as error:
        print("lockstep: a tool is missing: %s" % error, file=sys.stderr)
        return 125
    unique = sorted({(path, line or 0, rule, text)
                     for path, line, rule, text in findings})
    result = {
        "tools": tools,
        "files": len(files),
        "count": len(unique),
        "findings": [
            {"file": path, "line": line, "rule": rule, "message": text}
            for path, line, rule, text in unique[:FINDING_LIMIT]],
    }
    with open(options.out, "w", encoding="utf-8") as stream:
        json.dump(result, stream)
    return 0


if __name__ == "__main__":
    # the script's folder goes: nothing beside it may stand for a module
    sys.path.pop(0)
    sys.exit(main())
