"""Coverage of an app's tests, by its own settings or none.

A part of run_tests.py.
"""

import importlib.util
import os
import re


def is_there(name):
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def app_runs_it():
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


def start(notes, waited, others, installed=()):
    """waited: what it was before its tree came; None: it began there.
    others: folders in which nothing is the app's; installed: its own,
    besides the current one."""
    if not is_there("coverage"):
        notes.append("coverage is not installed, none was measured")
        return None
    import coverage

    try:
        # the app's own .coveragerc, setup.cfg, tox.ini or pyproject.toml
        measure = coverage.Coverage(data_file=None, config_file=True)
        if waited and measures_tools(measure, waited.names):
            waited.start_afresh()
        if not (measure.get_option("run:source")
                or measure.get_option("run:source_pkgs")
                or measure.get_option("run:include")):
            measure.set_option("run:source", [".", *installed])
            if others and not measure.get_option("run:omit"):
                measure.set_option(
                    "run:omit", [folder + "/*" for folder in others])
        measure.start()
        return measure
    except Exception as error:
        notes.append("coverage could not start: %s" % error)
        return None


def measures_tools(measure, ahead):
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
    return any(re.split("[./]", name)[0] in ahead
               or name.startswith(outside) for name in names)


def write(measure, reports, notes):
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
        notes.append("no coverage: %s" % error)
