"""Builds an app's documentation and says what is wrong with it.

Usage: run_docs.py --how sphinx|mkdocs|pdoc --source PLACE
       --reports FOLDER --path TOOL [--memo RUNNER --made-from FILE]
       [--begin FIFO]

PLACE: the folder of conf.py, mkdocs.yml, or "." for pdoc. Writes the
pages to {reports}/site and, last of all, {reports}/docs.json: {"tool",
"count", "findings", "notes", "pages"}. The app's own packages come
before the tool's. With --memo (pages_memo.py) nothing is built when the
pages are there already. With --begin it was started ahead of the tree
(ahead.py). Exit 0: built, whatever was found; else it was not.
"""

import argparse
import ast
import contextlib
import glob
import importlib
import importlib.util
import io
import json
import logging
import os
import re
import sys
import tempfile
import traceback

FINDING_LIMIT = 5000
MODULE_LIMIT = 2000
FINDINGS = []
NOTES = []
HERE = os.path.dirname(os.path.abspath(__file__))


def add_tools(options):
    for path in options.path:
        folders = [path, os.path.join(path, "site-packages")]
        sys.path += [folder for folder in folders if os.path.isdir(folder)]


def in_tree(path):
    """As seen from the current folder; None when it is not in it."""
    root = os.path.realpath(".") + os.sep
    path = os.path.realpath(path)
    return path[len(root):] if path.startswith(root) else None


def find(path, line, rule, message):
    FINDINGS.append({"file": path, "line": line, "rule": rule,
                     "message": " ".join(message.split())[:1000]})


def text_of(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read(4 << 20)
    except OSError:
        return ""


def line_with(path, words):
    """The first line of the file that holds one of the words."""
    for word in words:
        for number, line in enumerate(text_of(path).split("\n"), 1):
            if word and word in line:
                return number
    return None


def line_of_docstring(path, name, offset):
    """Of `docstring of NAME:OFFSET` in the module of the path."""
    try:
        tree = ast.parse(text_of(path))
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


def place_in_traceback(text):
    """The deepest frame of the tree, as (file, line)."""
    best = (None, None)
    for path, line in re.findall(r'File "([^"]+)", line (\d+)', text):
        inside = in_tree(path)
        if inside and "site-packages" not in inside:
            best = (inside, int(line))
    return best


# ---- sphinx ---------------------------------------------------------

PLACED = re.compile(
    r"^(?P<path>[^:\n]+?)(?::docstring of (?P<name>[\w.]+))?"
    r"(?::(?P<line>\d+))?: (?:WARNING|ERROR|CRITICAL|SEVERE): "
    r"(?P<text>.*)$", re.S)
BARE = re.compile(r"^(?:WARNING|ERROR|CRITICAL): (?P<text>.*)$", re.S)


def sphinx_warning(text, source):
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    placed = PLACED.match(text)
    match = placed or BARE.match(text)
    if not match:
        return
    said = match["text"]
    if re.search(r"inventor(?:y|ies)\b[\s\S]*?(?:not fetchable|issues:)", said):
        # another site's index: it is the network's fault, not the text's
        NOTES.append(" ".join(said.split())[:300])
        return
    rule = re.search(r" \[([\w.-]+)\]\s*$", said)
    message = said[:rule.start()] if rule else said
    path, line = place_in_traceback(said)
    if placed and path is None:
        path = in_tree(placed["path"])
        line = int(placed["line"]) if placed["line"] else None
        if path and placed["name"]:
            line = line_of_docstring(path, placed["name"], line or 1)
    if path is None:
        # autodoc says which module, and not where it is asked for
        path, line = place_of_name(source, re.findall(r"'([\w.]+)'", said))
    find(path, line, rule[1] if rule else "warning",
         message.split("\nTraceback")[0])


def place_of_name(source, names):
    for folder, folders, files in os.walk(source):
        folders[:] = [one for one in folders if not one.startswith(("_", "."))]
        for name in sorted(files):
            path = os.path.join(folder, name)
            if name.endswith((".rst", ".md", ".txt")):
                line = line_with(path, names[:2])
                if line:
                    return in_tree(path), line
    return None, None


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


def build_sphinx(source, site):
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
        r"(?:WARNING|ERROR|CRITICAL|SEVERE): )", text_of(report))
    for warning in warnings:
        sphinx_warning(warning, source)
    # with -W the exit is 1 for a warning, also for one that is a note here
    if code and not FINDINGS and not (code == 1 and NOTES):
        find(in_tree(os.path.join(source, "conf.py")), None, "sphinx",
             "sphinx ended with exit %s%s" % (code, heard.reason()))


# ---- mkdocs ---------------------------------------------------------

class Heard(logging.Handler):
    """Keeps what is said from warning on."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.said = []

    def emit(self, record):
        self.said.append(record.getMessage())


def mkdocs_warning(text, config, docs):
    words = re.findall(r"'([^'\n]{1,300})'", text)
    for word in words:
        path = os.path.join(docs, word)
        if os.path.isfile(path):
            others = [one for one in words if one != word]
            return find(in_tree(path), line_with(path, others), "mkdocs",
                        text)
    find(in_tree(config), line_with(config, words), "mkdocs", text)


def build_mkdocs(config_file, site):
    import mkdocs.config
    from mkdocs.commands.build import build
    from mkdocs.exceptions import MkDocsException

    sys.path += [os.getcwd(), os.path.join(os.getcwd(), "src")]
    heard = Heard()
    logging.getLogger("mkdocs").addHandler(heard)
    docs = os.path.join(os.path.dirname(config_file), "docs")
    try:
        config = mkdocs.config.load_config(config_file, site_dir=site)
        docs = config["docs_dir"]
        config["plugins"].run_event("startup", command="build", dirty=False)
        build(config)
    except (MkDocsException, SystemExit) as error:
        if str(error) and not heard.said:
            heard.said.append(str(error))
        if not heard.said:
            heard.said.append("mkdocs ended without a word")
    for text in heard.said:
        mkdocs_warning(text, config_file, docs)
    let_search(site)


def let_search(site):
    """The search of MkDocs and of its theme Material runs in a worker."""
    text = text_of(os.path.join(HERE, "docs_worker.js"))
    for pattern in ("search/main.js", "assets/javascripts/bundle*.js"):
        for path in glob.glob(os.path.join(glob.escape(site), pattern)):
            with open(path, encoding="utf-8", errors="replace") as stream:
                own = stream.read()
            with open(path, "w", encoding="utf-8") as stream:
                stream.write(text + own)


# ---- pdoc -----------------------------------------------------------

NO_PART = re.compile(
    r"^(_.*|\..*|tests?|testing|docs?|examples?|migrations|scripts|tools"
    r"|build|dist|venv|env|node_modules|site-packages)$")
NO_MODULE = re.compile(
    r"^(_.*|manage|setup|conftest|noxfile|fabfile|tests?|test_.*|.*_test)$")
STARTERS = {"run", "serve", "main", "run_app", "run_server", "launch",
            "serve_forever", "run_forever"}


def parsed(path):
    try:
        return ast.parse(text_of(path))
    except (SyntaxError, ValueError, RecursionError):
        return None


def starts_something(tree):
    """It would not come back when it is imported."""
    for node in tree.body:
        call = getattr(node, "value", None)
        if isinstance(node, ast.Expr) and isinstance(call, ast.Call):
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            if name in STARTERS:
                return True
    return False


def says_something(tree):
    return any(ast.get_docstring(node) for node in ast.walk(tree)
               if isinstance(node, (ast.Module, ast.ClassDef,
                                    ast.FunctionDef, ast.AsyncFunctionDef)))


def modules_of(root):
    """(dotted name, path, whether it is of a package), parents first."""
    for name in sorted(os.listdir(root)):
        path = os.path.join(root, name)
        if name.endswith(".py") and not NO_MODULE.match(name[:-3]):
            if os.path.isfile(path) and not os.path.islink(path):
                yield name[:-3], path, False
        elif os.path.isfile(os.path.join(path, "__init__.py")):
            if not NO_PART.match(name) and not os.path.islink(path):
                yield from modules_in(path, name)


def modules_in(folder, dotted):
    yield dotted, os.path.join(folder, "__init__.py"), True
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if name.endswith(".py") and not NO_MODULE.match(name[:-3]):
            yield dotted + "." + name[:-3], path, True
        elif os.path.isfile(os.path.join(path, "__init__.py")):
            if not NO_PART.match(name) and not os.path.islink(path):
                yield from modules_in(path, dotted + "." + name)


def set_up_django():
    """Models and views cannot be imported before."""
    if not os.path.isfile("manage.py"):
        return
    named = re.search(
        r"DJANGO_SETTINGS_MODULE['\"],\s*['\"]([\w.]+)['\"]",
        text_of("manage.py"))
    if named:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", named[1])
        import django

        django.setup()


def import_error(dotted, path, is_package, error):
    name = "%s: %s" % (type(error).__name__, error)
    text = "".join(traceback.format_exception(
        type(error), error, error.__traceback__))
    place = place_in_traceback(text)
    inside = in_tree(path)
    if isinstance(error, SyntaxError) and in_tree(error.filename or "/"):
        place = (in_tree(error.filename), error.lineno)
    missing = getattr(error, "name", None) or ""
    # another's package that is not installed may be meant to be optional
    is_foreign = isinstance(error, ModuleNotFoundError) and not any(
        os.path.exists(os.path.join(root, missing.split(".")[0] + end))
        for root in (".", "src") for end in ("", ".py"))
    if not is_package or is_foreign or place[0] is None:
        NOTES.append("no pages of %s, it cannot be imported: %s" % (
            dotted, name[:300]))
    else:
        find(place[0] or inside, place[1], "import",
             "%s cannot be imported: %s" % (dotted, name))


def hide_place(pdoc):
    """A value is shown without where it lies in memory, and a path of
    this copy as seen from its top: they differ each time, and the path
    is nobody's business."""
    here = os.getcwd()
    shown = getattr(pdoc.doc, "_remove_memory_addresses", str)

    def without_place(text):
        text = re.sub(r" at 0x[0-9a-fA-F]+\b", "", shown(text))
        return text.replace(here + os.sep, "").replace(here, ".")

    pdoc.doc._remove_memory_addresses = without_place


def import_pdoc():
    """All of it that any app's pages need, before there is an app."""
    if "pdoc" in sys.modules:
        return
    import jinja2
    import pdoc
    import pdoc.doc
    import pdoc.extract
    import pdoc.render

    # the pages may be seen by people who may not see the source
    pdoc.render.configure(docformat="google", show_source=False)
    env = pdoc.render.env
    for name in env.list_templates(filter_func=is_of_pages):
        try:
            env.get_template(name)
        except jinja2.TemplateError:
            # who asks for it hears of it
            pass


def is_of_pages(name):
    """A template that every page is made with."""
    if name.startswith("resources/"):
        return name.endswith((".css", ".js", ".svg"))
    return (re.match(r"[a-z-]+(\.html|\.js)?\.jinja2$|[a-z-]+\.(css|js)$", name)
            and not name.startswith(("error", "livereload", "math", "mermaid")))


def build_pdoc(_source, site):
    from pathlib import Path

    import_pdoc()
    pdoc = sys.modules["pdoc"]
    hide_place(pdoc)
    root = "src" if os.path.isdir("src") else "."
    sys.path.insert(0, os.path.realpath(root))
    found = []
    for dotted, path, is_package in modules_of(root):
        tree = parsed(path)
        if tree is None or starts_something(tree):
            continue
        found.append((dotted, path, is_package, says_something(tree)))
    if not any(says for _, _, _, says in found):
        return
    if len(found) > MODULE_LIMIT:
        NOTES.append("no API pages: more than %d modules" % MODULE_LIMIT)
        return
    good = []
    with pdoc.extract.mock_some_common_side_effects():
        try:
            set_up_django()
        except (Exception, SystemExit) as error:
            NOTES.append("Django could not be set up: %s" % error)
        for dotted, path, is_package, _ in found:
            try:
                importlib.import_module(dotted)
                good.append(dotted)
            except (Exception, SystemExit) as error:
                import_error(dotted, path, is_package, error)
    if not good:
        return
    # every module by its own name: none is imported that is not named
    pdoc.extract.walk_specs = lambda specs: list(specs)
    pdoc.pdoc(*good, output_directory=Path(site))


BUILDERS = {"sphinx": build_sphinx, "mkdocs": build_mkdocs,
            "pdoc": build_pdoc}


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


def begin(options):
    """No module of the app's can come before the tools: they are imported
    first wherever it starts."""
    def import_tools():
        add_tools(options)
        if options.how == "pdoc":
            import_pdoc()

    ahead = load("ahead", os.path.join(HERE, "ahead.py"))
    ahead.Waited(options.begin, import_tools)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--how", choices=sorted(BUILDERS), required=True)
    parser.add_argument("--source", required=True)
    parser.add_argument("--reports", required=True)
    parser.add_argument("--path", action="append", default=[])
    parser.add_argument("--memo")
    parser.add_argument("--made-from")
    parser.add_argument("--begin")
    options = parser.parse_args()
    if options.begin:
        begin(options)
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
    site = os.path.join(options.reports, "site")
    os.makedirs(site)
    if memo is not None:
        memo.watch.start()
    BUILDERS[options.how](options.source, site)
    sys.stdout.flush()
    unique = []
    for one in FINDINGS:
        if one not in unique and len(unique) < FINDING_LIMIT:
            unique.append(one)
    if memo is not None:
        says = FINDINGS or NOTES
        memo.report("there is something to say each time" if says else None)
    write_report(options.reports, "docs.json", {
        "tool": options.how, "count": len(unique), "findings": unique,
        "notes": NOTES[:20], "pages": pages_in(site)})
    return 0


if __name__ == "__main__":
    # the script's folder goes: nothing beside it may stand for a module
    sys.path.pop(0)
    sys.exit(main())
