"""Lets programs in an image find what the checks bring: packages behind the
image's own, of every program of this Python, and their scripts.

Usage: bring_python.py BIN

BIN gets what the image has not, to be found last in PATH.
"""

import glob
import os
import shutil
import sys
import sysconfig

LAYER = "/lockstep/gate"
NOT_OURS = ("python", "activate", "deactivate", "pydoc")


def packages():
    """Where this Python looks for packages, and for .pth files."""
    for folder in sys.path:
        if (os.path.basename(folder) in ("site-packages", "dist-packages")
                and os.path.isdir(folder)):
            return folder
    folder = sysconfig.get_path("purelib")
    os.makedirs(folder, exist_ok=True)
    return folder


def add_packages():
    found = (sorted(glob.glob(LAYER + "/lib/python3*/site-packages"))
             + sorted(glob.glob(LAYER + "/tools/*")))
    place = os.path.join(packages(), "zz-lockstep-gate.pth")
    with open(place, "w", encoding="utf-8") as stream:
        for folder in found:
            stream.write("import site; site.addsitedir(%r)\n" % folder)


def add_scripts(target):
    folder = os.path.join(LAYER, "bin")
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        place = os.path.join(folder, name)
        if name.startswith(NOT_OURS) or shutil.which(name):
            continue
        with open(place, "rb") as stream:
            text = stream.read()
        head, _, rest = text.partition(b"\n")
        if head.startswith(b"#!") and b"python" in head:
            mine = os.path.join(target, name)
            with open(mine, "wb") as stream:
                stream.write(b"#!" + os.fsencode(sys.executable) + b"\n" + rest)
            os.chmod(mine, 0o755)
        elif os.access(place, os.X_OK):
            os.symlink(place, os.path.join(target, name))


if __name__ == "__main__":
    add_packages()
    add_scripts(sys.argv[1])
