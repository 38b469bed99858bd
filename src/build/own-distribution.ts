// A Python project may ask for itself by the name under which it is installed (its version, its entry points, a plugin of its
// tests). Its code is not installed here: it runs from the tree. So its layer gets what an installation would say of it, and
// nothing else; and in the layer of the checks the tree is found as an installation in place is, by every interpreter of it and
// whatever PYTHONPATH it is given: by a line of a .pth file. Several trees share a layer, so the line takes the tree of its job
// from a variable, without which it does nothing.
import { type Distribution, readDistribution, setupDistribution } from '../config/readers/distribution.ts';
import type { LayerRecipe } from '../domain/plan.ts';
import { readConfigFile, readSource, type TreeView } from './tree-view.ts';

/** Where nobody says a version; what a backend writes that finds none. */
const unknownVersion = '0+unknown';
const isVersion = /^\s*([\w.!+-]{1,100})\s*$/;
const saysVersion = /^__version__\s*(?::[^=\n]+)?=\s*["']([\w.!+-]{1,100})["']/m;

export async function ownDistribution(view: TreeView): Promise<LayerRecipe['own'] | null> {
  const own =
    readDistribution((await readConfigFile(view, 'pyproject.toml')) ?? '') ??
    setupDistribution((await readConfigFile(view, 'setup.cfg')) ?? '', (await readConfigFile(view, 'setup.py')) ?? '');
  if (own === null) return null;
  const version = own.version ?? (await versionIn(view, own.versionFrom)) ?? unknownVersion;
  return { name: own.name, version, entryPoints: own.entryPoints };
}

/** Where the modules of an installation in place lie, from the tree. */
export const placeOfModules = (view: TreeView): 'src' | '.' =>
  view.list().some(({ path }) => /^src\/(?:[^/]+\/)?[^/]+\.py$/.test(path)) &&
  !view.list().some(({ path }) => path === 'src/__init__.py')
    ? 'src'
    : '.';

async function versionIn(view: TreeView, from: Distribution['versionFrom']): Promise<string | null> {
  if (from === null) return null;
  for (const path of 'file' in from ? [from.file] : filesOf(from.attribute)) {
    const text = (await readSource(view, path)) ?? '';
    const found = saysVersion.exec(text)?.[1] ?? ('file' in from ? isVersion.exec(text)?.[1] : undefined);
    if (found !== undefined) return found;
  }
  return null;
}

function filesOf(attribute: string): string[] {
  const module = attribute.split('.').slice(0, -1).join('/');
  return ['', 'src/'].flatMap((root) => [`${root}${module}/__init__.py`, `${root}${module}.py`]);
}

/** A program of Python, with the recipe's `own` as JSON. One that is installed by this name gives way: the tree is it. */
export const writeOwnDistribution = `
import importlib.metadata as metadata, json, os, re, shutil, sys, sysconfig
own = json.loads(sys.argv[1])
plain = lambda name: re.sub("[-_.]+", "-", name or "").lower()
packages = sysconfig.get_path("purelib")
for one in list(metadata.distributions(path=[packages])):
    folder = str(getattr(one, "_path", ""))
    if plain(one.metadata["Name"]) == plain(own["name"]) and folder.endswith(".dist-info"):
        shutil.rmtree(folder)
folder = os.path.join(packages, "%s-%s.dist-info" % (plain(own["name"]).replace("-", "_"), own["version"]))
os.makedirs(folder)
def write(name, text):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as stream:
        stream.write(text)
write("METADATA", "Metadata-Version: 2.1\\nName: %s\\nVersion: %s\\n" % (own["name"], own["version"]))
write("INSTALLER", "lockstep\\n")
write("RECORD", "")
write("entry_points.txt", "".join("[%s]\\n%s\\n" % (group, "".join("%s = %s\\n" % point for point in sorted(points.items())))
    for group, points in sorted(own["entryPoints"].items())))
if own.get("place") in (".", "src"):
    # before the packages: one of them may have brought an earlier version of it
    line = ("import os, sys; tree = os.environ.get('LOCKSTEP_TREE'); "
        "tree and sys.path.insert(next((at for at, one in enumerate(sys.path) if one.endswith('site-packages')), "
        "len(sys.path)), os.path.normpath(tree + '/%s'))\\n" % own["place"])
    with open(os.path.join(packages, "lockstep-tree.pth"), "w", encoding="utf-8") as stream:
        stream.write(line)
`.trim();
