"""Which functions of an app may run while its modules are imported.

Whatever is not in a function does. Of the functions these may: those
whose name is said there, or in another that may; magic methods; methods
of a class whose base is not known here, or of which an object is made
and handed on; those under a decorator that is
not known to leave them alone. Where names are looked up as text every
one may. It reads, and imports nothing of the app.
"""

import ast
import re

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
IDENTIFIER = re.compile(r"[A-Za-z_]\w*(?:[.:][A-Za-z_]\w*)*\Z")
# as `"{0.name}".format(...)` has it
FIELD = re.compile(r"\{[^{}\s]*\.[A-Za-z_]")
# with one of these a function is reached without its name
BY_TEXT = {"getattr", "globals", "locals", "vars", "dir", "eval", "exec",
           "compile", "__import__"}
BY_TEXT_TOO = {"getmembers", "getsource", "getsourcelines", "currentframe",
               "_getframe", "attrgetter", "methodcaller", "__dict__",
               "__code__", "__globals__", "__subclasses__", "__builtins__",
               "run_path", "run_module"}
# called by frameworks when they import or set up an app
BY_CUSTOM = {"includeme", "setup", "register", "init_app", "ready",
             "configure", "contribute_to_class"}
# what they are given is not called before somebody asks for a page
QUIET = {
    "property", "setter", "getter", "deleter", "staticmethod",
    "classmethod", "cached_property", "abstractmethod", "overload",
    "override", "final", "wraps", "lru_cache", "cache", "contextmanager",
    "asynccontextmanager", "route", "get", "post", "put", "patch", "delete",
    "head", "options", "trace", "websocket", "api_route", "before_request",
    "after_request", "before_app_request", "after_app_request",
    "teardown_request", "teardown_app_request", "teardown_appcontext",
    "errorhandler", "app_errorhandler", "exception_handler", "middleware",
    "context_processor", "app_context_processor", "template_filter",
    "app_template_filter", "template_global", "app_template_global",
    "template_test", "app_template_test", "url_value_preprocessor",
    "url_defaults", "shell_context_processor", "user_loader", "command",
    "group", "option", "argument", "pass_context", "with_appcontext",
    "login_required", "csrf_exempt", "require_http_methods", "require_GET",
    "require_POST", "require_safe", "receiver", "on_event", "task",
    "shared_task"}
# these keep the functions that they are called with for later
KEEPERS = {
    "register_error_handler", "add_url_rule", "teardown_appcontext",
    "teardown_request", "before_request", "after_request",
    "context_processor", "add_template_filter", "add_template_global",
    "add_template_test", "path", "re_path", "add_api_route",
    "add_exception_handler", "add_event_handler", "add_command", "Depends"}
PLAIN_BASES = {
    "object", "ABC", "Protocol", "Generic", "NamedTuple", "TypedDict",
    "Enum", "IntEnum", "StrEnum", "Flag", "IntFlag", "dict", "list", "set",
    "tuple", "str", "int", "float", "bytes", "Exception",
    "BaseException", "ValueError", "TypeError", "KeyError", "LookupError",
    "RuntimeError", "OSError", "AttributeError", "IndexError", "Warning",
    "UserWarning", "NotImplementedError", "PermissionError"}
QUIET_ON_CLASSES = {"dataclass", "total_ordering", "final", "unique",
                    "runtime_checkable"}


def last_name(node):
    """`a.b.c(...)`, `a.b.c[...]` and `a.b.c` are c, `c` is c."""
    while isinstance(node, (ast.Call, ast.Subscript)):
        node = node.func if isinstance(node, ast.Call) else node.value
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def is_main_guard(node):
    return (isinstance(node, ast.If) and isinstance(node.test, ast.Compare)
            and isinstance(node.test.left, ast.Name)
            and node.test.left.id == "__name__"
            and isinstance(node.test.ops[0], ast.Eq)
            and getattr(node.test.comparators[0], "value", "") == "__main__")


def is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


class Function:
    """One that runs only when it is called, with what it stands in."""

    def __init__(self, node, owner):
        self.node, self.owner = node, owner
        marks = {last_name(one) for one in node.decorator_list}
        # magic; and a property of a class is called when it is looked at
        self.is_whole = (node.name.startswith("__")
                         or bool(re.match("_.*_$", node.name))
                         or marks >= {"classmethod", "property"})

    def cut(self):
        """(line, column) where the body begins after its docstring and
        where it ends; None when there is nothing else in it."""
        body = self.node.body
        if isinstance(body[0], ast.Expr) and is_text(body[0].value):
            body = body[1:]
        if not body:
            return None
        marks = getattr(body[0], "decorator_list", None)
        first = marks[0] if marks else body[0]
        return ((first.lineno, first.col_offset),
                (body[-1].end_lineno, body[-1].end_col_offset))


class App:
    """The sources of an app, as far as they are read."""

    def __init__(self, tops):
        """tops: the packages and modules that begin in the tree."""
        self.tops = tops
        self.functions = {}
        self.classes = {}
        self.kept = []
        # what is called or handed to a call, and what is only named
        self.used = set()
        self.made = []
        self.names = set(BY_CUSTOM)
        self.other_names = {}
        self.is_by_text = False

    def read(self, tree):
        """Whatever runs when the module of the tree is imported. Gives
        the functions that do not."""
        found = []
        waiting = [(node, None) for node in tree.body]
        while waiting:
            node, owner = waiting.pop()
            if isinstance(node, FUNCTIONS):
                one = Function(node, owner)
                found.append(one)
                self.functions.setdefault(node.name, []).append(one)
                inner = [(child, None) for child in self.head(node)]
            elif isinstance(node, ast.ClassDef):
                self.classes.setdefault(node.name, []).append(node)
                inner = [(child, None) for child in self.head(node)]
                inner += [(child, node) for child in node.body]
            elif is_main_guard(node):
                inner = [(child, owner) for child in node.orelse]
            else:
                inner = [(child, owner) for child in self.mention(node)]
            waiting += inner
        return found

    @staticmethod
    def head(node):
        """All children but the body."""
        for field, value in ast.iter_fields(node):
            for child in value if isinstance(value, list) else [value]:
                if field != "body" and isinstance(child, ast.AST):
                    yield child

    def mention(self, node):
        """Takes the names that the node itself has; gives what is to be
        looked at in it."""
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load):
                self.names.add(node.id)
            self.is_by_text |= node.id in BY_TEXT
        elif isinstance(node, ast.Attribute):
            self.names.add(node.attr)
            self.is_by_text |= node.attr in BY_TEXT_TOO
        elif isinstance(node, ast.alias):
            self.is_by_text |= node.name in BY_TEXT_TOO
            if node.asname:
                name = node.name.split(".")[-1]
                self.other_names.setdefault(node.asname, set()).add(name)
        elif is_text(node):
            parts = re.split("[.:]", node.value[:300])
            if IDENTIFIER.match(node.value) and (
                    len(parts) == 1 or parts[0] in self.tops):
                self.names.update(parts)
            self.is_by_text |= bool(FIELD.search(node.value))
        elif isinstance(node, ast.Expr) and is_text(node.value):
            return []
        elif isinstance(node, ast.Assign) and all(
                isinstance(one, ast.Name) and one.id == "__all__"
                for one in node.targets):
            return []
        elif (isinstance(node, ast.Call) and len(node.args) > 1
              and isinstance(node.func, ast.Name)
              and node.func.id == "getattr" and is_text(node.args[1])):
            return node.args
        elif isinstance(node, ast.Call) and last_name(node) in KEEPERS:
            return self.kept_by(node)
        elif isinstance(node, ast.Call):
            handed = [*node.args, *(one.value for one in node.keywords)]
            self.used.update(last_name(one) for one in [node, *handed])
        elif (isinstance(node, (ast.Assign, ast.AnnAssign))
              and isinstance(node.value, ast.Call)):
            return self.named(node)
        return ast.iter_child_nodes(node)

    def named(self, node):
        """`x = C(...)`: nobody calls a method of it as long as nobody
        says x."""
        call = node.value
        if last_name(call) in {"getattr", *KEEPERS}:
            return ast.iter_child_nodes(node)
        targets = getattr(node, "targets", None) or [node.target]
        if not all(isinstance(one, ast.Name) for one in targets):
            return ast.iter_child_nodes(node)
        self.made += [(one.id, last_name(call)) for one in targets]
        handed = [*call.args, *(one.value for one in call.keywords)]
        self.used.update(last_name(one) for one in handed)
        return [*ast.iter_child_nodes(call),
                *filter(None, [getattr(node, "annotation", None)])]

    def kept_by(self, call):
        """All children but the functions that it is given by name."""
        yield call.func
        for one in [*call.args, *(word.value for word in call.keywords)]:
            if isinstance(one, (ast.Name, ast.Attribute)):
                self.kept.append((last_name(call), one))
            else:
                yield one

    def settle(self):
        """Finds every function that may be called, until none is new."""
        foreign = self.foreign_classes()
        for function in self.all_functions():
            function.is_whole |= (
                function.owner is not None and id(function.owner) in foreign
                or not all(self.is_quiet(mark)
                           for mark in function.node.decorator_list))
        told = set()
        while True:
            for keeper, one in self.kept:
                if self.is_of_the_app(keeper):
                    self.names.add(last_name(one))
            self.used.update(made for name, made in self.made
                             if name in self.names)
            self.spread()
            self.names.update(*(self.other_names.get(name, ())
                                for name in list(self.names)))
            new = [one for one in self.all_functions()
                   if id(one) not in told
                   and (one.is_whole or one.node.name in self.names
                        or one.owner is not None
                        and one.owner.name in self.used)]
            if not new or self.is_by_text:
                break
            for function in new:
                told.add(id(function))
                function.is_whole = True
                waiting = [function.node]
                while waiting:
                    waiting += self.mention(waiting.pop())
        if self.is_by_text:
            for function in self.all_functions():
                function.is_whole = True

    def all_functions(self):
        return [one for several in self.functions.values() for one in several]

    def is_quiet(self, mark):
        name = last_name(mark)
        return name in QUIET and not self.is_of_the_app(name)

    def spread(self):
        """What is made from a class has the methods of its bases."""
        count = -1
        while count != len(self.used):
            count = len(self.used)
            for name in list(self.used):
                self.used.update(self.other_names.get(name, ()))
                for node in self.classes.get(name, ()):
                    self.used.update(map(last_name, node.bases))

    def is_of_the_app(self, name):
        return (name in self.functions or name in self.classes
                or name in self.other_names)

    def foreign_classes(self):
        """Those with a base, metaclass or decorator that may call what
        it finds in them, and whatever is made from these."""
        foreign, names = set(), set()
        while True:
            before = len(foreign)
            for several in self.classes.values():
                for node in several:
                    bases = [last_name(one) for one in node.bases]
                    marks = [last_name(one) for one in node.decorator_list]
                    if (node.keywords
                            or any(one not in QUIET_ON_CLASSES
                                   or one in self.functions for one in marks)
                            or any(one in names or one in self.other_names
                                   or one not in self.classes
                                   and one not in PLAIN_BASES
                                   for one in bases)):
                        foreign.add(id(node))
                        names.add(node.name)
            if len(foreign) == before:
                return foreign
