"""API pages by pdoc, of an app that has docstrings and no documentation.

A part of run_docs.py.
"""

import ast
import importlib
import json
import os
import re
import sys
import traceback

MODULE_LIMIT = 2000
INDEX_LIMIT = 512 * 1024
NO_PART = re.compile(
    r"^(_.*|\..*|tests?|testing|docs?|examples?|migrations|scripts|tools"
    r"|build|dist|venv|env|node_modules|site-packages)$")
NO_MODULE = re.compile(
    r"^(_.*|manage|setup|conftest|noxfile|fabfile|tests?|test_.*|.*_test)$")
STARTERS = {"run", "serve", "main", "run_app", "run_server", "launch",
            "serve_forever", "run_forever"}


def parsed(told, path):
    try:
        return ast.parse(told.text_of(path))
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


def set_up_django(told):
    """Models and views cannot be imported before."""
    if not os.path.isfile("manage.py"):
        return
    named = re.search(
        r"DJANGO_SETTINGS_MODULE['\"],\s*['\"]([\w.]+)['\"]",
        told.text_of("manage.py"))
    if named:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", named[1])
        import django

        django.setup()


def import_error(told, dotted, path, is_package, error):
    name = "%s: %s" % (type(error).__name__, error)
    text = "".join(traceback.format_exception(
        type(error), error, error.__traceback__))
    place = told.place_in_traceback(text)
    inside = told.in_tree(path)
    if isinstance(error, SyntaxError) and told.in_tree(error.filename or "/"):
        place = (told.in_tree(error.filename), error.lineno)
    missing = getattr(error, "name", None) or ""
    # another's package that is not installed may be meant to be optional
    is_foreign = isinstance(error, ModuleNotFoundError) and not any(
        os.path.exists(os.path.join(root, missing.split(".")[0] + end))
        for root in (".", "src") for end in ("", ".py"))
    if is_foreign or "cannot open shared object" in name:
        told.LACKS.append(missing or name[:300])
    if not is_package or is_foreign or place[0] is None:
        told.NOTES.append("no pages of %s, it cannot be imported: %s" % (
            dotted, name[:300]))
    else:
        told.find(place[0] or inside, place[1], "import",
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


def leave_small_index(pdoc):
    """The browser makes the same of what search finds, of so little at
    once: no Node is started for it, and the pages are those of a machine
    that has none."""
    compiled = pdoc.render.precompile_index

    def index(documents, program):
        plain = json.dumps(documents)
        if len(plain) <= INDEX_LIMIT:
            return plain
        return compiled(documents, program)

    pdoc.render.precompile_index = index


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


def build(told, _source, site):
    from pathlib import Path

    import_pdoc()
    pdoc = sys.modules["pdoc"]
    hide_place(pdoc)
    leave_small_index(pdoc)
    root = "src" if os.path.isdir("src") else "."
    sys.path.insert(0, os.path.realpath(root))
    found = []
    for dotted, path, is_package in modules_of(root):
        tree = parsed(told, path)
        if tree is None or starts_something(tree):
            continue
        found.append((dotted, path, is_package, says_something(tree)))
    if not any(says for _, _, _, says in found):
        return
    if len(found) > MODULE_LIMIT:
        told.NOTES.append(
            "no API pages: more than %d modules" % MODULE_LIMIT)
        return
    good = []
    with pdoc.extract.mock_some_common_side_effects():
        try:
            set_up_django(told)
        except (Exception, SystemExit) as error:
            told.NOTES.append("Django could not be set up: %s" % error)
        for dotted, path, is_package, _ in found:
            try:
                importlib.import_module(dotted)
                good.append(dotted)
            except (Exception, SystemExit) as error:
                import_error(told, dotted, path, is_package, error)
    if not good:
        return
    # every module by its own name: none is imported that is not named
    pdoc.extract.walk_specs = lambda specs: list(specs)
    pdoc.pdoc(*good, output_directory=Path(site))
