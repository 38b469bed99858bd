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
Its parts lie beside it: tests_coverage.py, tests_installed.py,
tests_pytest.py, tests_unittest.py; none can be imported by its name.
Exit 0: all passed; 1: some did not; 5: no tests; else the runner's own.
"""

import argparse
import atexit
import glob
import importlib.util
import json
import os
import sys
import threading
import unittest  # noqa: F401  there before any test, as ever

NOTES = []
HERE = os.path.dirname(os.path.abspath(__file__))
RUNNERS = ("django", "pytest", "told", "unittest")


PARTS = {}


def part(name):
    if name not in PARTS:
        PARTS[name] = load(name)
    return PARTS[name]


def load(name):
    spec = importlib.util.spec_from_file_location(
        name, os.path.join(HERE, name + ".py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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


def system_folders():
    """The image's own, where the app lies at the root of a file system, as
    an image without a WORKDIR has it; /home and /srv may be the app's."""
    names = ("bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32",
             "lockstep", "media", "mnt", "opt", "proc", "root", "run", "sbin",
             "sys", "tmp", "usr", "var")
    if os.getcwd() != "/":
        return []
    return ["/" + name for name in names if os.path.isdir("/" + name)]


def import_ahead(order, is_there):
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


def begin(fifo, order, is_there):
    """What it was before its tree came."""
    if order[0] == "pytest":
        part("tests_pytest")
    waited = part("ahead").Waited(fifo, lambda: import_ahead(order, is_there))
    if waited.is_hidden():
        waited.start_afresh()
    return waited


def names_in(path):
    with open(path, encoding="utf-8") as stream:
        return json.load(stream)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--reports", required=True)
    parser.add_argument("--path", action="append", default=[])
    parser.add_argument("--try", dest="order", action="append",
                        choices=RUNNERS, required=True)
    parser.add_argument("--only")
    parser.add_argument("--told")
    parser.add_argument("--begin")
    options = parser.parse_args()
    coverage = part("tests_coverage")
    is_there = coverage.is_there
    waited = (begin(options.begin, options.order, is_there)
              if options.begin else None)
    told = names_in(options.told) if options.told else []
    only = set(names_in(options.only)) if options.only else None
    # like `python -m pytest`: the current folder comes first
    sys.path[0] = os.getcwd()
    stand_for_installation()
    installed = {}
    for path in options.path:
        of_image = [one for one in sys.path if one != os.getcwd()]
        add_tool(path)
        installed.update(part("tests_installed").copies(path, of_image))
    order = []
    for name in options.order:
        if name in ("pytest", "told") and not is_there("pytest"):
            if name == "pytest":
                NOTES.append("pytest is not installed")
        else:
            order.append(name)
    sys.argv = sys.argv[:1]
    runs_cov = "pytest" in order and coverage.app_runs_it()
    has_cov = (runs_cov or only is not None) and is_there("pytest_cov")
    own = runs_cov and has_cov
    if waited and own and order[0] != "pytest":
        # whether coverage is imported is up to what runs first
        waited.start_afresh()
    measure = (None if own or only is not None
               else coverage.start(NOTES, waited, system_folders(),
                                   installed.values()))
    ended, name = None, None
    for name in order:
        if name in ("pytest", "told"):
            # told: the words of tox.ini or the noxfile
            ended = part("tests_pytest").run(
                options.reports, told if name == "told" else [], only,
                has_cov, runs_cov, system_folders())
        else:
            run = getattr(part("tests_unittest"), "run_" + name)
            ended = run(options.reports, only)
        if ended is not None:
            break
    code, executed = ended or (5, 0)
    if ended is not None:
        coverage.write(measure, options.reports, NOTES)
        if installed:
            part("tests_installed").tell(
                installed, os.path.join(options.reports, "lcov.info"))
    name = "pytest" if name == "told" else name
    summary = {"runner": name if ended is not None else None,
               "executed": executed, "exitCode": code, "notes": NOTES}
    sys.stdout.flush()
    with open(os.path.join(options.reports, "tests.json"), "w",
              encoding="utf-8") as stream:
        json.dump(summary, stream)
    return code


def leave(code):
    """Ends as Python does, with what was to be done at the end, but does
    not take every module apart first: that takes a while, and nobody sees
    a difference."""
    try:
        threading._shutdown()  # waits for threads that are no daemons
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        sys.exit(code)  # whatever there is to say to it
    os._exit(code)


if __name__ == "__main__":
    leave(main())
