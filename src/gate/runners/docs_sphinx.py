"""Documentation by Sphinx: whatever its exit code says, its warnings count.

A part of run_docs.py.
"""

import ast
import contextlib
import io
import os
import re
import sys
import tempfile

PLACED = re.compile(
    r"^(?P<path>[^:\n]+?)(?::docstring of (?P<name>[\w.]+))?"
    r"(?::(?P<line>\d+))?: (?:WARNING|ERROR|CRITICAL|SEVERE): "
    r"(?P<text>.*)$", re.S)
BARE = re.compile(r"^(?:WARNING|ERROR|CRITICAL): (?P<text>.*)$", re.S)


def hear(told, text, source):
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    placed = PLACED.match(text)
    match = placed or BARE.match(text)
    if not match:
        return
    said = match["text"]
    if re.search(r"inventor(?:y|ies)\b[\s\S]*?(?:not fetchable|issues:)", said):
        # another site's index: it is the network's fault, not the text's
        told.NOTES.append(" ".join(said.split())[:300])
        return
    rule = re.search(r" \[([\w.-]+)\]\s*$", said)
    message = said[:rule.start()] if rule else said
    path, line = told.place_in_traceback(said)
    if placed and path is None:
        path = told.in_tree(placed["path"])
        line = int(placed["line"]) if placed["line"] else None
        if path and placed["name"]:
            line = line_of_docstring(told, path, placed["name"], line or 1)
    if path is None:
        # autodoc says which module, and not where it is asked for
        names = re.findall(r"'([\w.]+)'", said)
        path, line = told.place_of_name(source, names[:2])
    told.find(path, line, rule[1] if rule else "warning",
              message.split("\nTraceback")[0])


def line_of_docstring(told, path, name, offset):
    """Of `docstring of NAME:OFFSET` in the module of the path."""
    try:
        tree = ast.parse(told.text_of(path))
    except (SyntaxError, ValueError, RecursionError):
        return None
    parts = name.split(".")
    for begin in range(len(parts) + 1):
        node = tree
        for part in parts[begin:]:
            node = next((one for one in getattr(node, "body", [])
                         if getattr(one, "name", None) == part), None)
        if node is not None and ast.get_docstring(node) is not None:
            return node.body[0].lineno + max(0, offset - 1)
    return None


class Echo(io.StringIO):
    """What is written is passed on, and its end is kept."""

    def __init__(self):
        super().__init__()
        self.out = sys.stderr
        self.end = ""

    def write(self, text):
        self.end = (self.end + text)[-16384:]
        return self.out.write(text)

    def flush(self):
        self.out.flush()

    def reason(self):
        """Why it stopped, as far as it says so in one line."""
        lines = [line.strip() for line in self.end.splitlines()]
        for at, line in enumerate(lines):
            named = re.match(r"[A-Z][\w ]* error:$", line)
            after = lines[at + 1] if at + 1 < len(lines) else ""
            if named and after and not after.endswith(":"):
                return ": " + after
        said = [line for line in lines if re.match(
            r"(?:[\w.]+\.)?\w*(?:Error|Exception): \S", line)]
        return ": " + said[-1] if said else ""


def build(told, source, site):
    from sphinx.cmd.build import main as sphinx_build

    handle, report = tempfile.mkstemp()
    os.close(handle)
    # a make of docs has the package installed; here it is in the tree
    sys.path += [os.getcwd(), os.path.join(os.getcwd(), "src")]
    with tempfile.TemporaryDirectory() as doctrees:
        heard = Echo()
        with contextlib.redirect_stderr(heard):
            code = sphinx_build(["-b", "html", "-W", "--keep-going", "-q",
                                 "--no-color", "-w", report, "-d", doctrees,
                                 source, site])
    warnings = re.split(
        r"\n(?=(?:[^\s:][^:\n]*(?::docstring of [\w.]+)?(?::\d+)?: )?"
        r"(?:WARNING|ERROR|CRITICAL|SEVERE): )", told.text_of(report))
    for warning in warnings:
        hear(told, warning, source)
    # with -W the exit is 1 for a warning, also for one that is a note here
    if code and not told.FINDINGS and not (code == 1 and told.NOTES):
        told.find(told.in_tree(os.path.join(source, "conf.py")), None,
                  "sphinx", "sphinx ended with exit %s%s" % (code, heard.reason()))
