"""Builds an app's documentation and says what is wrong with it.

Usage: run_docs.py --how sphinx|mkdocs|pdoc --source PLACE
       --reports FOLDER --path TOOL [--memo RUNNER --made-from FILE]
       [--begin FIFO]

PLACE: the folder of conf.py, mkdocs.yml, or "." for pdoc. Writes the
pages to {reports}/site and, last of all, {reports}/docs.json: {"tool",
"count", "findings", "notes", "pages"}. The app's own packages come
before the tool's. With --memo (pages_memo.py) nothing is built when the
pages are there already. With --begin it was started ahead of the tree
(ahead.py). Its parts lie beside it: docs_told.py, and one for each tool
(docs_sphinx.py, ...). Exit 0: built, whatever was found; 127: there is no such tool; else it was
not. {reports}/lacks.txt: packages that were not there, if any.
"""

import argparse
import importlib.util
import json
import os
import sys

FINDING_LIMIT = 5000
HERE = os.path.dirname(os.path.abspath(__file__))


def add_tools(options):
    for path in options.path:
        folders = [path, os.path.join(path, "site-packages")]
        sys.path += [folder for folder in folders if os.path.isdir(folder)]


def pages_in(site):
    return sum(name.endswith(".html")
               for _, _, names in os.walk(site) for name in names)


def write_report(folder, name, content):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as stream:
        json.dump(content, stream)


def load(name, place):
    spec = importlib.util.spec_from_file_location(name, place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def part(name):
    return load(name, os.path.join(HERE, name + ".py"))


def begin(options, builder):
    """No module of the app's can come before the tools: they are imported
    first wherever it starts."""
    def import_tools():
        add_tools(options)
        if options.how == "pdoc":
            builder.import_pdoc()

    part("ahead").Waited(options.begin, import_tools)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--how", choices=("mkdocs", "pdoc", "sphinx"),
                        required=True)
    parser.add_argument("--source", required=True)
    parser.add_argument("--reports", required=True)
    parser.add_argument("--path", action="append", default=[])
    parser.add_argument("--memo")
    parser.add_argument("--made-from")
    parser.add_argument("--begin")
    options = parser.parse_args()
    told, builder = part("docs_told"), part("docs_" + options.how)
    if options.begin:
        begin(options, builder)
    memo = (load("pages_memo", options.memo).Memo(options)
            if options.memo else None)
    if memo is not None and memo.is_hit:
        memo.report(None)
        write_report(options.reports, "docs.json", {
            "tool": options.how, "count": 0, "findings": [], "notes": [],
            "pages": memo.pages})
        return 0
    if not options.begin:
        add_tools(options)
    if importlib.util.find_spec(options.how) is None:
        print("there is no %s" % options.how, file=sys.stderr)
        return 127
    site = os.path.join(options.reports, "site")
    os.makedirs(site)
    if memo is not None:
        memo.watch.start()
    builder.build(told, options.source, site)
    sys.stdout.flush()
    if told.LACKS:
        write_report(options.reports, "lacks.txt", told.LACKS)
    unique = []
    for one in told.FINDINGS:
        if one not in unique and len(unique) < FINDING_LIMIT:
            unique.append(one)
    if memo is not None:
        says = told.FINDINGS or told.NOTES
        memo.report("there is something to say each time" if says else None)
    write_report(options.reports, "docs.json", {
        "tool": options.how, "count": len(unique), "findings": unique,
        "notes": told.NOTES[:20], "pages": pages_in(site)})
    return 0


if __name__ == "__main__":
    # the script's folder goes: nothing beside it may stand for a module
    sys.path.pop(0)
    sys.exit(main())
