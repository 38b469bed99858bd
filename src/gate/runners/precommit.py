"""The hooks of a .pre-commit-config.yaml that need nothing fetched.

Usage: precommit.py --hooks hooks.json --out pre-commit.json

Each hook runs in a copy of the tree that is its own, on the files that
pre-commit would give it. A hook that fails, and one that edits files,
is told with the lines; one that cannot be run here is told as well.
Exit 0: all that can be run was run, whatever was found.
"""

import argparse
import difflib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

FINDING_LIMIT = 2000
TAGS = {
    "py": "python", "pyi": "python", "js": "javascript", "mjs": "javascript",
    "jsx": "jsx", "ts": "ts", "tsx": "tsx", "json": "json", "yaml": "yaml",
    "yml": "yaml", "toml": "toml", "md": "markdown", "html": "html",
    "css": "css", "go": "go", "sh": "shell", "rst": "rst", "xml": "xml",
    "txt": "plain-text", "ini": "ini", "cfg": "ini", "sql": "sql",
}
KNOWN = set(TAGS.values()) | {"file", "text", "binary", "executable"}
PLACE = re.compile(r"^(?:\./)?([^\s:][^:\0]{0,300}):(\d{1,7})(?::\d+)?:?\s*(.*)$")


class CannotRun(Exception):
    """Says why a hook is not run here."""


def tags_of(path):
    tags = {"file"}
    ending = path.rsplit(".", 1)[-1].lower() if "." in path else ""
    if ending in TAGS:
        tags.add(TAGS[ending])
    if os.access(path, os.X_OK):
        tags.add("executable")
    with open(path, "rb") as file:
        tags.add("binary" if b"\0" in file.read(1024) else "text")
    return tags


def matching(hook, files):
    for key in ("types", "types_or", "exclude_types"):
        unknown = [tag for tag in hook[key] if tag not in KNOWN]
        if unknown:
            raise CannotRun("Lockstep does not know the type " + unknown[0])
    try:
        wanted = [re.compile(one) for one in hook["files"]]
        left_out = [re.compile(one) for one in hook["exclude"]]
    except re.error as error:
        raise CannotRun("its pattern is none: %s" % error) from error
    found = []
    for path in files:
        if os.path.islink(path) or not os.path.isfile(path):
            continue
        if not all(one.search(path) for one in wanted):
            continue
        if any(one.search(path) for one in left_out):
            continue
        tags = tags_of(path)
        either = hook["types_or"]
        if not tags.issuperset(hook["types"]):
            continue
        if (either and not tags & set(either)) or tags & set(hook["exclude_types"]):
            continue
        found.append(path)
    return found


def command_of(hook):
    argv = hook["argv"] or shlex.split(hook["entry"])
    if not argv:
        raise CannotRun("it has no entry")
    if hook["language"] == "script":
        argv[0] = os.path.join(".", argv[0])
    program = argv[0]
    if os.path.basename(program) != program:
        is_there = os.access(program, os.X_OK)
    else:
        is_there = shutil.which(program) is not None
    if not is_there:
        raise CannotRun("there is no program " + program)
    return argv + hook["args"]


def run_command(hook, files, findings):
    argv = command_of(hook)
    batches = [files[at:at + 200] for at in range(0, len(files), 200)]
    if not hook["pass_filenames"]:
        batches = [[]]
    before = {path: read(path) for path in every_file()}
    output, codes = "", []
    for batch in batches:
        ended = subprocess.run(
            argv + batch, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, check=False)
        output += ended.stdout[-200000:].decode("utf-8", "replace")
        codes.append(ended.returncode)
    told = len(findings)
    for path, old in before.items():
        new = read(path)
        if new != old:
            tell_edits(hook["id"], path, old, new, findings)
    if any(codes) and len(findings) == told:
        tell_output(hook["id"], output, files, codes, findings)


def tell_output(name, output, files, codes, findings):
    known = set(files)
    lines = [line for line in output.split("\n") if line.strip()]
    told = len(findings)
    for line in lines:
        match = PLACE.match(line.strip())
        if match and (match[1] in known or os.path.isfile(match[1])):
            findings.append({"file": match[1], "line": int(match[2]),
                             "rule": name, "message": match[3] or "failed"})
    if len(findings) == told:
        said = lines[-1].strip() if lines else "exit %d" % max(codes, key=abs)
        findings.append({"file": None, "line": None, "rule": name,
                         "message": said[:500]})


def tell_edits(name, path, old, new, findings):
    if new is None:
        findings.append({"file": path, "line": None, "rule": name,
                         "message": "the hook removes this file"})
        return
    left, right = old.splitlines(), new.splitlines()
    told = len(findings)
    for kind, a, b, c, d in difflib.SequenceMatcher(
            None, left, right, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        text = right[c].decode("utf-8", "replace") if d > c else None
        what = ("the hook takes this line away" if text is None
                else "the hook writes " + json.dumps(text[:200]))
        for line in range(a, max(b, a + 1)):
            findings.append({"file": path, "line": max(1, min(line + 1, len(left))),
                             "rule": name, "message": what})
    if len(findings) == told:
        findings.append({"file": path, "line": max(1, len(left)), "rule": name,
                         "message": "the hook changes how this line ends"})


def every_file():
    for folder, folders, names in os.walk("."):
        folders[:] = [one for one in folders if one not in (".git", "node_modules")]
        for name in names:
            path = os.path.join(folder, name)[2:]
            if not os.path.islink(path) and os.path.getsize(path) < 2 ** 20:
                yield path


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


def run_pygrep(hook, files, findings):
    try:
        pattern = re.compile(hook["entry"].encode())
    except re.error as error:
        raise CannotRun("its pattern is none: %s" % error) from error
    if any(arg != "-i" for arg in hook["args"]):
        raise CannotRun("Lockstep does not know its arguments")
    if hook["args"]:
        pattern = re.compile(hook["entry"].encode(), re.IGNORECASE)
    for path in files:
        for number, line in enumerate((read(path) or b"").split(b"\n"), 1):
            if pattern.search(line):
                findings.append({"file": path, "line": number,
                                 "rule": hook["id"], "message": hook["name"]})


def run_hook(hook, files, findings):
    if hook["cannot"]:
        raise CannotRun(hook["cannot"])
    found = matching(hook, files)
    if not found and not hook["always_run"]:
        return False
    if hook["language"] == "fail":
        for path in found:
            findings.append({"file": path, "line": None, "rule": hook["id"],
                             "message": hook["entry"] or hook["name"]})
    elif hook["language"] == "pygrep":
        run_pygrep(hook, found, findings)
    else:
        run_command(hook, found, findings)
    return True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hooks", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--tool", nargs=2, action="append", default=[])
    options = parser.parse_args()
    with open(options.hooks, encoding="utf-8") as file:
        wanted = json.load(file)
    tree = os.getcwd()
    places = {"{tool:%s}" % name: path for name, path in options.tool}
    for hook in wanted["hooks"]:
        hook["argv"] = [places.get(one, one) for one in hook["argv"] or []]
    findings, left_out, ran = [], {}, 0
    for hook in wanted["hooks"]:
        # What one hook edits, neither the others nor another check sees.
        with tempfile.TemporaryDirectory() as folder:
            try:
                if not hook["cannot"]:
                    copy = os.path.join(folder, "tree")
                    shutil.copytree(tree, copy, symlinks=True)
                    os.chdir(copy)
                ran += run_hook(hook, wanted["files"], findings)
            except CannotRun as reason:
                left_out.setdefault(str(reason), []).append(hook["id"])
            finally:
                os.chdir(tree)
    notes = ["%s %s not run: %s" % (", ".join(names), "was" if len(names) == 1 else "were", reason)
             for reason, names in left_out.items()]
    report = {"count": len(findings), "findings": findings[:FINDING_LIMIT],
              "ran": ran, "notes": notes}
    with open(options.out, "w", encoding="utf-8") as file:
        json.dump(report, file)


if __name__ == "__main__":
    sys.exit(main())
