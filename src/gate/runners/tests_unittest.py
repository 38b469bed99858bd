"""An app's tests by unittest or Django, in this process.

A part of run_tests.py. Every end of a test is recorded, for a report in
JUnit's form.
"""

import io
import os
import re
import sys
import time
import traceback
import unittest
from xml.sax.saxutils import escape, quoteattr


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


def chosen_patterns(only):
    """Options by which unittest and Django run what is asked for."""
    words = []
    for name in sorted(only or ()):
        words += ["-k", "*." + re.sub(r"([\[*?])", r"[\1]", name)]
    return words


def run_unittest(reports, only):
    record_unittest()
    for start in (".", "tests", "test"):
        if not os.path.isdir(start):
            continue
        found = ["-s", start] if start != "." else []
        # a loader keeps the top of the folder that it looked at first
        unittest.main(module=None, exit=False,
                      testLoader=unittest.TestLoader(),
                      argv=["python -m unittest", "discover"] + found
                      + chosen_patterns(only))
        if RECORDS:
            break
    return end_of_records(reports)


def run_django(reports, only):
    import runpy

    record_unittest()
    sys.argv = ["manage.py", "test", "--noinput"] + chosen_patterns(only)
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
