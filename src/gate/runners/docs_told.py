"""What is wrong with an app's documentation, and where.

A part of run_docs.py, which hands it to its others as `told`.
"""

import os
import re

FINDINGS = []
NOTES = []
# what is not here, and may be where the app runs
LACKS = []


def in_tree(path):
    """As seen from the current folder; None when it is not in it."""
    root = os.path.realpath(".") + os.sep
    path = os.path.realpath(path)
    return path[len(root):] if path.startswith(root) else None


def find(path, line, rule, message):
    FINDINGS.append({"file": path, "line": line, "rule": rule,
                     "message": " ".join(message.split())[:1000]})


def text_of(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read(4 << 20)
    except OSError:
        return ""


def line_with(path, words):
    """The first line of the file that holds one of the words."""
    for word in words:
        for number, line in enumerate(text_of(path).split("\n"), 1):
            if word and word in line:
                return number
    return None


def place_of_name(source, names):
    """The first line of the pages in the folder that holds one of them."""
    for folder, folders, files in os.walk(source):
        folders[:] = sorted(one for one in folders
                            if not one.startswith(("_", ".")))
        for name in sorted(files):
            path = os.path.join(folder, name)
            if name.endswith((".rst", ".md", ".txt")):
                line = line_with(path, names)
                if line:
                    return in_tree(path), line
    return None, None


def place_in_traceback(text):
    """The deepest frame of the tree, as (file, line)."""
    best = (None, None)
    for path, line in re.findall(r'File "([^"]+)", line (\d+)', text):
        inside = in_tree(path)
        if inside and "site-packages" not in inside:
            best = (inside, int(line))
    return best
