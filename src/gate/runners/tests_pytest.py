"""An app's tests by pytest, in this process.

A part of run_tests.py.
"""

import os
import re
import shutil


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

    def __init__(self, names):
        self.names = names

    def pytest_collection_modifyitems(self, config, items):
        import pytest

        chosen, others = [], []
        for item in items:
            classes = [node.name for node in item.listchain()
                       if isinstance(node, pytest.Class)
                       and re.match("[A-Z]", node.name)]
            name = ".".join(classes + [item.name])
            (chosen if name in self.names else others).append(item)
        items[:] = chosen
        config.hook.pytest_deselected(items=others)


def run(reports, words, only, has_cov, runs_cov, others):
    """(exit code, executed), or None when there are no tests.

    only: names, or None for all; has_cov: pytest-cov is there; runs_cov:
    the app asks for it; others: folders in which nothing is the app's.
    """
    import pytest

    own = os.environ.get("TMPDIR") or os.path.dirname(os.path.abspath(reports))
    counter = Counter(os.path.join(own, "p"))
    # an empty cache, not none: plugins keep things there, and words like
    # --ff are its own; what an earlier run left decides nothing
    cache = os.path.join(own, "pytest-cache")
    shutil.rmtree(cache, ignore_errors=True)
    arguments = ["--junitxml=" + os.path.join(reports, "junit.xml"),
                 "-o", "junit_family=xunit1", "-o", "cache_dir=" + cache]
    if only is None and runs_cov and has_cov:
        lcov = os.path.join(reports, "lcov.info")
        arguments += ["--cov-report=lcov:" + lcov, "--cov-fail-under=0"]
    arguments += ["--ignore=" + folder for folder in others]
    plugins = [counter]
    if only is not None:
        plugins.append(Chooser(only))
        if has_cov:
            arguments.append("--no-cov")
    code = int(pytest.main(arguments + list(words), plugins=plugins))
    return None if code == 5 else (code, counter.executed)
