"""A project that its image has installed: its tests run that copy.

A part of run_tests.py, which measures the copy and tells it as the files
of the tree that it was made of.
"""

import glob
import importlib.metadata
import importlib.util
import os
import re


def text_of(path):
    with open(path, encoding="utf-8", errors="replace") as stream:
        return stream.read(1 << 20)


def plain(name):
    return re.sub("[-_.]+", "-", name or "").lower()


def own_names(site):
    """What the layer of the checks calls the tree (own-distribution.ts)."""
    for said in glob.glob(os.path.join(site, "*.dist-info", "INSTALLER")):
        if text_of(said).strip() == "lockstep":
            folder = os.path.basename(os.path.dirname(said))
            yield plain(folder[:-len(".dist-info")].rsplit("-", 1)[0])


def packages(distribution):
    files = distribution.files or []
    return {file.parts[0] for file in files
            if len(file.parts) > 1 and file.suffix == ".py"
            and file.parts[0].isidentifier()}


def copies(layer, paths):
    """The folders of its packages in `paths`, by their folders in the
    tree. Nothing where the tree itself is found first."""
    found = {}
    sites = os.path.join(glob.escape(layer), "lib", "python3*",
                         "site-packages")
    for line in glob.glob(os.path.join(sites, "lockstep-tree.pth")):
        place = re.search(r"tree \+ '/([^']+)'", text_of(line))
        names = set(own_names(os.path.dirname(line)))
        for each in importlib.metadata.distributions(path=paths):
            if not place or plain(each.metadata["Name"]) not in names:
                continue
            for name in packages(each):
                spec = importlib.util.find_spec(name)
                for folder in (spec and spec.submodule_search_locations) or ():
                    folder = os.path.realpath(folder)
                    if any(os.path.dirname(folder) == os.path.realpath(one)
                           for one in paths):
                        found[os.path.normpath(
                            os.path.join(place[1], name))] = folder
    return found


def tell(found, report):
    """In the report of the coverage."""
    if not found or not os.path.isfile(report):
        return
    with open(report, encoding="utf-8") as stream:
        text = stream.read()
    for place, folder in found.items():
        for said in (folder, os.path.relpath(folder)):
            text = text.replace("\nSF:%s/" % said, "\nSF:%s/" % place)
            if text.startswith("SF:%s/" % said):
                text = "SF:%s/%s" % (place, text[len("SF:%s/" % said):])
    with open(report, "w", encoding="utf-8") as stream:
        stream.write(text)
