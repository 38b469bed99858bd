"""Documentation by MkDocs: every warning of a strict build counts.

A part of run_docs.py.
"""

import glob
import logging
import os
import re
import sys

# as plugins say it that have looked into a module
PLACED = re.compile(r"^(?:[\w.-]+: )?(?P<path>[^\s:]+\.\w+):(?P<line>\d+): "
                    r"(?P<text>.+)$", re.S)
# of the app's, asked for in some page
NAME = re.compile(r"\b[A-Za-z_]\w+(?:\.[A-Za-z_]\w+)+\b"
                  r"(?<!\.md)(?<!\.yml)(?<!\.yaml)(?<!\.html)")
HERE = os.path.dirname(os.path.abspath(__file__))


class Heard(logging.Handler):
    """Keeps what is said from warning on."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.said = []

    def emit(self, record):
        self.said.append(record.getMessage())


def hear(told, text, config, docs):
    placed = PLACED.match(text)
    path = told.in_tree(placed["path"]) if placed else None
    if path and os.path.isfile(path):
        return told.find(path, int(placed["line"]), "mkdocs", placed["text"])
    words = re.findall(r"'([^'\n]{1,300})'", text)
    for word in words:
        path = os.path.join(docs, word)
        if os.path.isfile(path):
            others = [one for one in words if one != word]
            line = told.line_with(path, others)
            return told.find(told.in_tree(path), line, "mkdocs", text)
    line = told.line_with(config, words)
    path = told.in_tree(config)
    if line is None:
        page, asked = told.place_of_name(docs, NAME.findall(text))
        path, line = page or path, asked
    told.find(path, line, "mkdocs", text)


def build(told, config_file, site):
    import mkdocs.config
    from mkdocs.commands.build import build as make
    from mkdocs.exceptions import MkDocsException

    sys.path += [os.getcwd(), os.path.join(os.getcwd(), "src")]
    heard = Heard()
    logging.getLogger("mkdocs").addHandler(heard)
    docs = os.path.join(os.path.dirname(config_file), "docs")
    try:
        config = mkdocs.config.load_config(config_file, site_dir=site)
        docs = config["docs_dir"]
        config["plugins"].run_event("startup", command="build", dirty=False)
        make(config)
    except (MkDocsException, SystemExit) as error:
        if str(error) and not heard.said:
            heard.said.append(str(error))
        if not heard.said:
            heard.said.append("mkdocs ended without a word")
    for text in heard.said:
        hear(told, text, config_file, docs)
    let_search(told, site)


def let_search(told, site):
    """The search of MkDocs and of its theme Material runs in a worker."""
    text = told.text_of(os.path.join(HERE, "docs_worker.js"))
    for pattern in ("search/main.js", "assets/javascripts/bundle*.js"):
        for path in glob.glob(os.path.join(glob.escape(site), pattern)):
            with open(path, encoding="utf-8", errors="replace") as stream:
                own = stream.read()
            with open(path, "w", encoding="utf-8") as stream:
                stream.write(text + own)
