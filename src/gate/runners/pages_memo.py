"""Whether the API pages of an app are those that there are already.

The pages come from importing the modules, so they are made from what
runs then: all that the sources say but the bodies of functions that may
not run (import_time.py). Of other files only those count that are not
left out; they are in the context. Watch looks at what is read while the
pages are built: an app that reads more than that, asks the network or
starts a program has no digest, and is built each time.
"""

import ast
import hashlib
import importlib.util
import json
import os
import re
import sys
import tempfile
import tokenize

FILE_LIMIT = 2000
BYTE_LIMIT = 16 << 20


def without(text, functions):
    """The text with a mark where a body is left out."""
    lines = [line.encode() for line in text.split("\n")]
    for cut in sorted(filter(None, (one.cut() for one in functions
                                    if not one.is_whole)), reverse=True):
        (first, begin), (last, end) = cut
        whole = lines[first - 1][:begin] + b"\0" + lines[last - 1][end:]
        lines[first - 1:last] = [whole]
    return b"\n".join(lines)


def sources(left_out):
    """(path, whether its text counts) of every module of the tree."""
    for folder, folders, names in os.walk("."):
        folders[:] = sorted(one for one in folders if one[0] != ".")
        for name in sorted(names):
            path = os.path.join(folder, name)[2:].replace(os.sep, "/")
            if name.endswith(".py"):
                counts = not any(one.search(path) for one in left_out)
                if counts or not re.match(r"tests?/", path):
                    yield path, counts


def top_names():
    return {re.sub(r"\.py$", "", name) for root in (".", "src")
            if os.path.isdir(root) for name in os.listdir(root)}


def digest_of(import_time, context, left_out):
    """None when it cannot be said. left_out: what paths look like that
    are not read."""
    whole = hashlib.sha256(context.encode())
    app, read, size = import_time.App(top_names()), [], 0
    whole.update(b"src" if os.path.isdir("src") else b"")
    try:
        for path, counts in sources(left_out):
            if not counts:
                whole.update(b"\0not " + path.encode())
                continue
            with tokenize.open(path) as stream:
                text = stream.read()
            size += len(text)
            if len(read) >= FILE_LIMIT or size > BYTE_LIMIT:
                return None
            # what cannot be compiled cannot be imported
            tree = ast.parse(text, filename=path)
            compile(tree, path, "exec", dont_inherit=True)
            read.append((path, text, app.read(tree)))
        app.settle()
    except (SyntaxError, ValueError, RecursionError, MemoryError, OSError):
        return None
    for path, text, functions in read:
        whole.update(b"\0" + path.encode() + b"\0" + without(text, functions))
    return whole.hexdigest()


class Watch:
    """Looks at what is read while the pages are built. `doubt` is None
    as long as the digest says it all."""

    OUTSIDE = ("subprocess.", "os.system", "os.exec", "os.posix_spawn",
               "os.spawn", "os.fork", "socket.connect", "socket.getaddr",
               "socket.gethost", "socket.sendto")
    LISTING = ("os.listdir", "os.scandir")

    def __init__(self, left_out, others):
        self.doubt, self.left_out = None, left_out
        self.root = os.path.realpath(".") + os.sep
        places = [sys.prefix, sys.base_prefix, "/usr", "/etc", "/lib",
                  "/proc", "/dev", "/sys", tempfile.gettempdir(), *others]
        self.others = tuple(os.path.realpath(one) + os.sep
                            for one in places if one)

    def start(self):
        sys.addaudithook(self.look)

    def look(self, event, words):
        if self.doubt is None and event.startswith(self.OUTSIDE):
            self.doubt = event if self.is_by_app() else None
        elif self.doubt is None and (event in ("open", "sqlite3.connect")
                                     or event in self.LISTING):
            path = words[0] if words else None
            if isinstance(path, (str, bytes, os.PathLike)):
                self.touch(event, os.fsdecode(path))

    def is_by_app(self):
        """pdoc starts programs of its own."""
        frame = sys._getframe(2)
        while frame is not None:
            path = frame.f_code.co_filename
            if path.startswith(self.root) and "site-packages" not in path:
                return True
            frame = frame.f_back
        return False

    def touch(self, event, path):
        if path.startswith("<") or path == ":memory:":
            return
        path = os.path.realpath(path)
        inside = (path + os.sep).startswith(self.root)
        if event in self.LISTING:
            # the names of modules are in the digest
            caller = sys._getframe(2).f_code.co_filename
            by_import = caller.startswith("<frozen importlib")
            by_package = caller.endswith("pkgutil.py") and (
                path + os.sep != self.root)
            by_us = os.path.dirname(caller) == os.path.dirname(__file__)
            if inside and not by_import and not by_package and not by_us:
                self.doubt = "lists " + path
        elif inside:
            name = path[len(self.root):].replace(os.sep, "/")
            if any(one.search(name) for one in self.left_out):
                self.doubt = "reads " + name
        elif not path.startswith(self.others):
            self.doubt = "reads what is not of the app"


class Memo:
    """Reads --made-from: {"context", "known", "pages", "leftOut"}. With
    the digest `known` nothing is to be built. Writes
    {reports}/made-from.json: {"digest", "isBuilt", "doubt"}, a digest of
    null when it does not say it all, and why."""

    def __init__(self, options):
        spec = importlib.util.spec_from_file_location(
            "import_time",
            os.path.join(os.path.dirname(options.memo), "import_time.py"))
        runner = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(runner)
        with open(options.made_from, encoding="utf-8") as stream:
            given = json.load(stream)
        left_out = [re.compile(one) for one in given["leftOut"]]
        self.pages, self.folder = given["pages"], options.reports
        self.digest = digest_of(runner, given["context"], left_out)
        self.watch = Watch(left_out,
                           [options.reports, *sys.path, *options.path])
        known = given["known"]
        self.is_hit = known is not None and self.digest == known

    def report(self, doubt):
        """doubt: why the pages may be others the next time, or None."""
        doubt = doubt or self.watch.doubt
        if self.digest is None:
            doubt = "a module is not read"
        where = os.path.join(self.folder, "made-from.json")
        with open(where, "w", encoding="utf-8") as stream:
            json.dump({"digest": None if doubt else self.digest,
                       "isBuilt": not self.is_hit, "doubt": doubt}, stream)
