"""A check's program that was started ahead of the tree that it checks.

It imports its tools, waits for the end of a FIFO, reads FIFO.json,
{"folder"}, and makes everything as if it had just been started there. Where
it cannot be sure of that it starts itself afresh, in its place.
"""

import _imp
import json
import os
import sys
import time


class Waited:
    """names: of the modules that were imported ahead, without what is below
    them."""

    def __init__(self, fifo, import_tools):
        self.environment = {}
        at = sys.argv.index("--begin")
        del sys.argv[at:at + 2]
        self.words = list(sys.argv)
        is_whole = self.imported(import_tools)
        home = os.getcwd()
        self.wait(fifo)
        os.chdir(self.told(fifo))
        if os.environ.get("PWD") == home:
            os.environ["PWD"] = os.getcwd()
        if "logging" in sys.modules:
            # by which it tells the age of a record
            logging = sys.modules["logging"]
            whole = isinstance(logging._startTime, int)
            logging._startTime = time.time_ns() if whole else time.time()
        self.environment.update(os.environ)
        if not is_whole:
            self.start_afresh()

    def imported(self, import_tools):
        before = set(sys.modules)
        try:
            import_tools()
        except Exception:
            # the same again, where somebody sees what it says
            return False
        self.names = frozenset(name.split(".")[0]
                               for name in set(sys.modules) - before)
        return True

    def wait(self, fifo):
        # nobody writes: its end is the news, also when that was before now
        stream = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(stream, True)
        os.read(stream, 1)
        os.close(stream)

    def told(self, fifo):
        try:
            with open(fifo + ".json", encoding="utf-8") as stream:
                return json.load(stream)["folder"]
        except OSError:
            # whoever started it has gone, and nothing is asked of it
            os._exit(125)

    def is_hidden(self):
        """Whether a module of the app's bears the name of one that was
        imported ahead: for who looks in the app first."""
        endings = (".py", ".pyc", *_imp.extension_suffixes())
        return any(name.split(".")[0] in self.names
                   for folder in (".", "src") if os.path.isdir(folder)
                   for name in os.listdir(folder)
                   if name.endswith(endings)
                   or os.path.isdir(os.path.join(folder, name)))

    def start_afresh(self):
        sys.stdout.flush()
        sys.stderr.flush()
        isolated = ["-I"] if sys.flags.isolated else []
        os.execve(sys.executable, [sys.executable, *isolated, *self.words],
                  self.environment)
