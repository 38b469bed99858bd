// A project that setuptools builds, and that says what it requires where only setuptools looks: setup.cfg, which is read here, or
// setup.py, which is a program: the installer runs it, as whoever installs the project does, under the identity of the checks. It sees
// the files that it names and nothing else of the tree, so that its layer stays the same while those do.
import { readSetupCfg } from '../config/readers/setup-cfg.ts';
import { readConfigFile, readSource, type TreeView } from './tree-view.ts';

export type SetupProject = {
  requiresPython: string | null;
  /** Requirement specifiers that setup.cfg says. */
  dependencies: readonly string[];
  optional: Readonly<Record<string, readonly string[]>>;
  /** setup.py says more, which its running tells; null: it says nothing of it. */
  program: SetupProgram | null;
};
/** What a build backend of the tree is likely to look at. */
export type BuildFiles = { inputs: readonly string[]; folders: readonly string[] };
export type SetupProgram = BuildFiles & {
  /** Names of its extras, of those that are asked about. */
  extras: readonly string[];
};

const asks = /\b(?:install_requires|extras_require)\b/;
const mostNamed = 30;

/** null: there is neither of the two. @throws bad-config for one that is a link, or too large */
export async function readSetupProject(view: TreeView, wanted: RegExp): Promise<SetupProject | null> {
  const cfg = await readConfigFile(view, 'setup.cfg');
  const program = await readConfigFile(view, 'setup.py');
  if (cfg === null && program === null) return null;
  const said = readSetupCfg(cfg ?? '');
  const { requiresPython, dependencies, optional } = said;
  const literal = /\bpython_requires\s*=\s*["']([^"'\n]{1,100})["']/.exec(program ?? '')?.[1] ?? null;
  if (program === null || !asks.test(program)) return { requiresPython, dependencies, optional, program: null };
  const keys = [...program.matchAll(/["']([\w.-]{1,50})["']\s*:|\b([\w]{1,50})\s*=\s*\[/g)].map(
    (one) => one[1] ?? one[2]!,
  );
  // Where the program says some of it, setuptools takes the rest from setup.cfg itself.
  return {
    ...{ requiresPython: requiresPython ?? literal, dependencies: [], optional: {} },
    program: {
      ...(await buildOf(view)),
      extras: [...new Set([...keys, ...Object.keys(optional)])].filter((name) => wanted.test(name)),
    },
  };
}

/** The files of the build itself, and the files and folders that they name: a folder without what is in it must be there. */
export async function buildOf(view: TreeView): Promise<BuildFiles> {
  const own = ['setup.py', 'setup.cfg', 'pyproject.toml', 'MANIFEST.in'].filter((file) =>
    view.list().some(({ path }) => path === file),
  );
  const texts = await Promise.all(own.map((path) => readSource(view, path)));
  const said = texts.join('\n');
  const quoted = [...said.matchAll(/["']([^"'\n]{1,200})["']|\b(?:file|attr|where)\s*[:=]\s*([\w./-]{1,200})/g)].map(
    (match) => match[1] ?? match[2]!,
  );
  const words = new Set(quoted.flatMap((text) => text.split('/').filter((part) => part !== '' && part !== '.')));
  const modules = new Set([...said.matchAll(/^\s*(?:from|import)\s+([A-Za-z_]\w*)/gm)].map((match) => match[1]!));
  const attributes = [...said.matchAll(/\battr\s*[:=]\s*["']?([\w.]{1,200})/g)].map(
    (match) => match[1]!.split('.')[0]!,
  );
  const isNamed = (path: string): boolean => {
    const parts = path.split('/');
    const folders = parts.slice(0, -1);
    const name = parts.at(-1)!;
    if (parts.length > 4 || own.includes(path)) return false;
    if (words.has(name) && folders.every((folder) => folder === 'src' || words.has(folder))) return true;
    const top = folders[0] === 'src' ? parts.slice(1) : parts;
    const isModule = (module: string) => top[0] === `${module}.py` || (top[0] === module && top[1] === '__init__.py');
    return [...modules, ...attributes].some(isModule);
  };
  const named = view.list().filter(({ path, mode }) => mode.startsWith('100') && isNamed(path));
  const wanted = new Set(
    ['src', ...quoted].flatMap((text) => [text, text.replaceAll('.', '/'), `src/${text.replaceAll('.', '/')}`]),
  );
  const folders = new Set(view.list().flatMap(({ path }) => foldersOf(path)));
  return {
    inputs: [...own, ...named.map(({ path }) => path).slice(0, mostNamed)],
    folders: [...folders].filter((folder) => wanted.has(folder)).slice(0, mostNamed),
  };
}

/** `a`, `a/b` of `a/b/c.py` */
const foldersOf = (path: string): string[] => {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, at) => parts.slice(0, at + 1).join('/'));
};
