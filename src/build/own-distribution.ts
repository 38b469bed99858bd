// A Python project may ask for itself by the name under which it is installed (its version, its entry points, a plugin of its
// tests). Its code is not installed here: it runs from the tree. So its layer gets what an installation would say of it, and
// nothing else.
import { type Distribution, readDistribution } from '../config/readers/distribution.ts';
import type { LayerRecipe } from '../domain/plan.ts';
import { readConfigFile, readSource, type TreeView } from './tree-view.ts';

/** Where nobody says a version; what a backend writes that finds none. */
const unknownVersion = '0+unknown';
const saysVersion = /^__version__\s*(?::[^=\n]+)?=\s*["']([\w.!+-]{1,100})["']/m;

export async function ownDistribution(view: TreeView): Promise<LayerRecipe['own'] | null> {
  const own = readDistribution((await readConfigFile(view, 'pyproject.toml')) ?? '');
  if (own === null) return null;
  const version = own.version ?? (await versionIn(view, own.versionFrom)) ?? unknownVersion;
  return { name: own.name, version, entryPoints: own.entryPoints };
}

async function versionIn(view: TreeView, from: Distribution['versionFrom']): Promise<string | null> {
  if (from === null) return null;
  for (const path of 'file' in from ? [from.file] : filesOf(from.attribute)) {
    const found = saysVersion.exec((await readSource(view, path)) ?? '')?.[1];
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
`.trim();
