"""Runs an app's tests in one process, with coverage.

Usage: run_tests.py --reports FOLDER --try pytest --try unittest ...
       [--path TOOL]... [--only FILE] [--told FILE] [--begin FIFO]

Tries the runners in order until one finds a test. Writes junit.xml,
lcov.info and, last of all, tests.json: {"runner", "executed", "notes"}.
With --only, a JSON list of names as the gate shows them ("TestShop.test_pay"),
just those tests run, and no coverage is measured.
With --begin it was started ahead of the change that it is to test
(ahead.py). Where it cannot be sure that the tree gets the same answer as
from a fresh start, it starts itself afresh.
Exit 0: all passed; 1: some did not; 5: no tests; else the runner's own.
"""

import argparse
import glob
import importlib.util
import io
import json
import os
import re
import shutil
import sys
import time
import traceback
import unittest
from xml.sax.saxutils import escape, quoteattr

NOTES = []
# what alone is to run; None: everything
ONLY = None
TOLD = []
# what it was before its tree came (ahead.py); None: it was started there
WAITED = None


def add_tool(path):
    folders = [path]
    for base in (path, os.path.dirname(os.path.dirname(path))):
        folders.append(os.path.join(base, "site-packages"))
        folders += glob.glob(
            os.path.join(base, "lib", "python3*", "site-packages"))
    # at the end: the app's own versions come first
    sys.path += [folder for folder in folders if os.path.isdir(folder)]


def stand_for_installation():
    """A project runs from its tree, for what its tests start, too."""
    root = os.getcwd()
    source = os.path.join(root, "src")
    has_modules = glob.glob(os.path.join(source, "*.py")) + glob.glob(
        os.path.join(source, "*", "__init__.py"))
    is_layout = has_modules and not os.path.exists(
        os.path.join(source, "__init__.py"))
    if is_layout:
        sys.path.insert(1, source)
    elif not any(map(os.path.isfile, (
            "pyproject.toml", "setup.py", "setup.cfg"))):
        return
    # by which the layer's own line finds it, whatever a child is given
    os.environ["LOCKSTEP_TREE"] = root
    if any(os.path.isfile(os.path.join(folder, "lockstep-tree.pth"))
           for folder in sys.path if folder.endswith("site-packages")):
        return
    others = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [source if is_layout else root] + ([others] if others else []))


def is_there(name):
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def app_runs_coverage():
    """True when the app's pytest configuration asks for pytest-cov."""
    if "--cov" in os.environ.get("PYTEST_ADDOPTS", ""):
        return True
    for name in ("pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini",
                 "setup.cfg"):
        try:
            with open(name, encoding="utf-8", errors="replace") as stream:
                text = stream.read(1 << 20)
        except OSError:
            continue
        if re.search(r"addopts[^\[]*?--cov\b", text):
            return True
    return False


def start_coverage():
    if not is_there("coverage"):
        NOTES.append("coverage is not installed, none was measured")
        return None
    import coverage

    try:
        # the app's own .coveragerc, setup.cfg, tox.ini or pyproject.toml
        measure = coverage.Coverage(data_file=None, config_file=True)
        if WAITED and measures_tools(measure):
            WAITED.start_afresh()
        if not (measure.get_option("run:source")
                or measure.get_option("run:source_pkgs")
                or measure.get_option("run:include")):
            measure.set_option("run:source", ["."])
        measure.start()
        return measure
    except Exception as error:
        NOTES.append("coverage could not start: %s" % error)
        return None


def measures_tools(measure):
    """Whether coverage might have had to see the tools' own imports."""
    def said(name):
        try:
            return list(measure.get_option("run:" + name) or [])
        except Exception:
            # an option that this version does not have
            return []

    if said("plugins"):
        # somebody's code, which in a fresh start ran before the tools
        return True
    names = (said("source") + said("source_pkgs") + said("source_dirs")
             + said("include"))
    outside = ("*", "?", "[", "/", "~", "..", "$", "%")
    return any(re.split("[./]", name)[0] in WAITED.names
               or name.startswith(outside) for name in names)


def import_ahead(order):
    """Imports what any run begins with, whatever the app: never a plugin
    that pytest is given (it rewrites those as it imports them), and nothing
    that changes anything by being imported."""
    if is_there("coverage"):
        import coverage  # noqa: F401
    if order[0] == "pytest" and is_there("pytest"):
        import pytest  # noqa: F401
        from _pytest.config import default_plugins

        for name in default_plugins:
            importlib.import_module("_pytest." + name)
    if "inspect" in sys.modules:
        # coverage asks it from where it is started, for which it looks up
        # the file of every module; of these it has found them then
        sys.modules["inspect"].stack()


def begin(fifo, order):
    global WAITED
    place = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                         "ahead.py")
    spec = importlib.util.spec_from_file_location("ahead", place)
    ahead = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(ahead)
    WAITED = ahead.Waited(fifo, lambda: import_ahead(order))
    if WAITED.is_hidden():
        WAITED.start_afresh()


def write_coverage(measure, reports):
    if measure is None:
        return
    try:
        measure.stop()
        # gathered before the app's own [tool.coverage.paths] are applied:
        # what is not yet is lost there
        measure.get_data()
        measure.lcov_report(outfile=os.path.join(reports, "lcov.info"),
                            ignore_errors=True)
    except Exception as error:
        NOTES.append("no coverage: %s" % error)


class Counter:
    """A pytest plugin: how many tests ran; and where they keep things."""

    def __init__(self, folder):
        self.executed = 0
        self.folder = folder

    def pytest_cmdline_main(self, config):
        # short: tests put sockets there, whose paths end at 107 bytes
        if config.option.basetemp is None:
            config.option.basetemp = self.folder

    def pytest_runtest_logreport(self, report):
        if report.when == "call" and not report.skipped:
            self.executed += 1
        elif report.failed:
            self.executed += 1

    def pytest_collectreport(self, report):
        if report.failed:
            self.executed += 1


class Chooser:
    """A pytest plugin: of all tests only those that are asked for."""

    def pytest_collection_modifyitems(self, config, items):
        import pytest

        chosen, others = [], []
        for item in items:
            classes = [node.name for node in item.listchain()
                       if isinstance(node, pytest.Class)
                       and re.match("[A-Z]", node.name)]
            name = ".".join(classes + [item.name])
            (chosen if name in ONLY else others).append(item)
        items[:] = chosen
        config.hook.pytest_deselected(items=others)


def run_pytest(reports, words=()):
    """(exit code, executed), or None when there are no tests."""
    import pytest

    own = os.environ.get("TMPDIR") or os.path.dirname(os.path.abspath(reports))
    counter = Counter(os.path.join(own, "p"))
    # an empty cache, not none: plugins keep things there, and words like
    # --ff are its own; what an earlier run left decides nothing
    cache = os.path.join(own, "pytest-cache")
    shutil.rmtree(cache, ignore_errors=True)
    arguments = ["--junitxml=" + os.path.join(reports, "junit.xml"),
                 "-o", "junit_family=xunit1", "-o", "cache_dir=" + cache]
    if ONLY is None and app_runs_coverage() and is_there("pytest_cov"):
        lcov = os.path.join(reports, "lcov.info")
        arguments += ["--cov-report=lcov:" + lcov, "--cov-fail-under=0"]
    plugins = [counter]
    if ONLY is not None:
        plugins.append(Chooser())
        if is_there("pytest_cov"):
            arguments.append("--no-cov")
    code = int(pytest.main(arguments + list(words), plugins=plugins))
    return None if code == 5 else (code, counter.executed)


class Recorder:
    """Mixed into a result class: notes the end of every test."""

    def startTest(self, test):
        self.lockstep_started = time.perf_counter()
        super().startTest(test)

    def _note(self, test, outcome, error=None, reason=""):
        begun = getattr(self, "lockstep_started", time.perf_counter())
        RECORDS.append((test, outcome, error, reason,
                        time.perf_counter() - begun))

    def addSuccess(self, test):
        super().addSuccess(test)
        self._note(test, "passed")

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self._note(test, "failure", error)

    def addError(self, test, error):
        super().addError(test, error)
        self._note(test, "error", error)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._note(test, "skipped", reason=reason)

    def addExpectedFailure(self, test, error):
        super().addExpectedFailure(test, error)
        self._note(test, "passed")

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self._note(test, "failure", reason="unexpected success")

    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        if error is not None:
            self._note(subtest, "failure", error)


RECORDS = []


def record_unittest():
    make = unittest.TextTestRunner._makeResult

    def make_recording(self):
        result = make(self)
        kind = type(result)
        if isinstance(result, Recorder):
            # an earlier runner of this process has seen to it
            return result
        result.__class__ = type(kind.__name__, (Recorder, kind), {})
        return result

    unittest.TextTestRunner._makeResult = make_recording


def clean(text):
    return re.sub("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]",
                  "?", text)


def relative(path):
    root = os.path.realpath(".") + os.sep
    path = os.path.realpath(path)
    return path[len(root):] if path.startswith(root) else None


def owner_of(test):
    """Of a sub-test its test; a test may itself be called test_case."""
    is_part = isinstance(test, unittest.case._SubTest)
    return test.test_case if is_part else test


def place_of(test, error):
    """File and line in the app: of the failure, else of the test."""
    owner = owner_of(test)
    module = sys.modules.get(type(owner).__module__)
    own = relative(getattr(module, "__file__", None) or "/")
    best = None
    for frame in traceback.extract_tb(error[2]) if error else []:
        path = relative(frame.filename)
        if path and (best is None or best[0] != own or path == own):
            best = (path, frame.lineno)
    method = getattr(owner, getattr(owner, "_testMethodName", ""), None)
    code = getattr(method, "__code__", None)
    return best or (own, code.co_firstlineno if code else None)


def write_junit(reports):
    out = io.StringIO()
    out.write('<?xml version="1.0" encoding="utf-8"?>\n<testsuites>')
    out.write('<testsuite name="unittest">\n')
    for test, outcome, error, reason, seconds in RECORDS:
        path, line = place_of(test, error)
        owner = owner_of(test)
        name = getattr(owner, "_testMethodName", None) or str(test)
        kind = type(owner)
        out.write("<testcase classname=%s name=%s time=\"%.3f\"" % (
            quoteattr(clean("%s.%s" % (kind.__module__, kind.__qualname__))),
            quoteattr(clean(name)), seconds))
        if path:
            out.write(" file=%s" % quoteattr(clean(path)))
        if line:
            # counted from 0, as pytest does
            out.write(' line="%d"' % (line - 1))
        out.write(">")
        if outcome == "skipped":
            out.write("<skipped message=%s/>" % quoteattr(clean(reason)))
        elif outcome != "passed":
            message, body = reason, ""
            if error:
                message = str(error[1]) or error[0].__name__
                body = "".join(traceback.format_exception(*error))
                if path and line:
                    body += "\n%s:%d: %s" % (path, line, error[0].__name__)
            message = message.strip().split("\n")[0]
            if "Failed to import" in message or name.startswith("_Failed"):
                message = body.strip().split("\n")[-1]
            out.write("<%s message=%s>%s</%s>" % (
                outcome, quoteattr(clean(message[:500])),
                escape(clean(body[-20000:])), outcome))
        out.write("</testcase>\n")
    out.write("</testsuite></testsuites>\n")
    with open(os.path.join(reports, "junit.xml"), "w",
              encoding="utf-8", errors="replace") as stream:
        stream.write(out.getvalue())


def end_of_records(reports):
    ran = [record for record in RECORDS if record[1] != "skipped"]
    if not RECORDS:
        return None
    write_junit(reports)
    bad = any(record[1] in ("failure", "error") for record in RECORDS)
    return (1 if bad else 0, len(ran))


def chosen_patterns():
    """Options by which unittest and Django run what is asked for."""
    words = []
    for name in sorted(ONLY or ()):
        words += ["-k", "*." + re.sub(r"([\[*?])", r"[\1]", name)]
    return words


def run_unittest(reports):
    record_unittest()
    for start in (".", "tests", "test"):
        if not os.path.isdir(start):
            continue
        found = ["-s", start] if start != "." else []
        # a loader keeps the top of the folder that it looked at first
        unittest.main(module=None, exit=False,
                      testLoader=unittest.TestLoader(),
                      argv=["python -m unittest", "discover"] + found
                      + chosen_patterns())
        if RECORDS:
            break
    return end_of_records(reports)


def run_django(reports):
    import runpy

    record_unittest()
    sys.argv = ["manage.py", "test", "--noinput"] + chosen_patterns()
    code = 0
    try:
        runpy.run_path("manage.py", run_name="__main__")
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
        code = 0 if error.code is None else code
    ended = end_of_records(reports)
    if ended is None and code not in (0, 5):
        # it could not even start: that is a failure, not "no tests"
        return (code, 0)
    return ended and (code or ended[0], ended[1])


def run_told(reports):
    """pytest with the words of tox.ini or the noxfile."""
    return run_pytest(reports, TOLD)


RUNNERS = {"pytest": run_pytest, "unittest": run_unittest,
           "django": run_django, "told": run_told}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--reports", required=True)
    parser.add_argument("--path", action="append", default=[])
    parser.add_argument("--try", dest="order", action="append",
                        choices=sorted(RUNNERS), required=True)
    parser.add_argument("--only")
    parser.add_argument("--told")
    parser.add_argument("--begin")
    options = parser.parse_args()
    if options.begin:
        begin(options.begin, options.order)
    if options.told:
        with open(options.told, encoding="utf-8") as stream:
            TOLD.extend(json.load(stream))
    if options.only:
        global ONLY
        with open(options.only, encoding="utf-8") as stream:
            ONLY = set(json.load(stream))
    # like `python -m pytest`: the current folder comes first
    sys.path[0] = os.getcwd()
    stand_for_installation()
    for path in options.path:
        add_tool(path)
    order = []
    for name in options.order:
        if name in ("pytest", "told") and not is_there("pytest"):
            if name == "pytest":
                NOTES.append("pytest is not installed")
        else:
            order.append(name)
    sys.argv = sys.argv[:1]
    own = "pytest" in order and app_runs_coverage() and is_there("pytest_cov")
    if WAITED and own and order[0] != "pytest":
        # whether coverage is imported is up to what runs first
        WAITED.start_afresh()
    measure = None if own or ONLY is not None else start_coverage()
    ended, name = None, None
    for name in order:
        ended = RUNNERS[name](options.reports)
        if ended is not None:
            break
    code, executed = ended or (5, 0)
    if ended is not None:
        write_coverage(measure, options.reports)
    name = "pytest" if name == "told" else name
    summary = {"runner": name if ended is not None else None,
               "executed": executed, "exitCode": code, "notes": NOTES}
    sys.stdout.flush()
    with open(os.path.join(options.reports, "tests.json"), "w",
              encoding="utf-8") as stream:
        json.dump(summary, stream)
    return code


if __name__ == "__main__":
    sys.exit(main())
