// Brings installed packages into a tree of sources, and runs a package's scripts there. Run by the Node of Lockstep under an
// app's gate identity; it stands alone, for it is copied to where it is needed.
//
// The packages lie in a dependency layer that nobody may write. Node resolves real paths, so packages find one another there;
// the tree gets a `node_modules` folder of its own with a link to each, so that a tool may keep its caches beside them.
// A package of the tree's own (a workspace) is linked to the tree, not to what stands for it in the layer. What the tree
// holds itself stays.
import { spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { dirname, join, relative, resolve, sep } from 'node:path';

/** Packages that write into themselves when the app's sources are there (a client made from a schema): copied, not linked. */
const copied = ['@prisma/client'];
/** What tools leave in node_modules and only they need. */
const caches = /^\.(?:cache|vite|vite-temp|vitest|tmp|turbo)$/;

const isInside = (path, folder) => path === folder || path.startsWith(folder + sep);
const kindOf = (path) => {
  try {
    return lstatSync(path);
  } catch {
    return null;
  }
};

/** Folders of the layer that have installed packages, from its top: '' and those of workspaces. */
function moduleFolders(layer, at = '', depth = 0) {
  const names = readdirSync(join(layer, at), { withFileTypes: true });
  const own = names.some((one) => one.name === 'node_modules' && one.isDirectory()) ? [at] : [];
  if (depth >= 4) return own;
  const inner = names.filter((one) => one.isDirectory() && one.name !== 'node_modules' && !one.name.startsWith('.'));
  return [...own, ...inner.flatMap((one) => moduleFolders(layer, join(at, one.name), depth + 1))];
}

/** Links a layer's packages into a tree; may be called by several at once. */
export function linkModules(layer, tree) {
  if (!existsSync(join(layer, 'bin', 'node')))
    throw new Error('what package.json requires is not installed: the notes of this change say why');
  const real = realpathSync(layer);
  for (const folder of moduleFolders(real)) {
    if (!existsSync(join(tree, folder))) continue;
    linkFolder(join(real, folder, 'node_modules'), join(tree, folder, 'node_modules'), real, tree, '');
  }
  // Where yarn keeps what it knows of an installation.
  const state = join('.yarn', 'install-state.gz');
  if (existsSync(join(real, state)) && !existsSync(join(tree, state))) {
    mkdirSync(join(tree, '.yarn'), { recursive: true });
    cpSync(join(real, state), join(tree, state));
  }
}

function linkFolder(from, to, layer, tree, scope) {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from)) {
    if (caches.test(name)) continue;
    const [source, target, full] = [join(from, name), join(to, name), scope + name];
    const entry = lstatSync(source);
    if (scope === '' && name.startsWith('@') && entry.isDirectory()) {
      linkFolder(source, target, layer, tree, `${name}/`);
      continue;
    }
    if (kindOf(target) !== null) continue;
    const end = entry.isSymbolicLink() ? realOf(source) : source;
    if (end === null) continue;
    const isOwn = isInside(end, layer) && !relative(layer, end).split(sep).includes('node_modules');
    if (copied.includes(full)) copyOnce(end, target);
    else link(isOwn ? join(tree, relative(layer, end)) : source, target);
  }
}

function realOf(path) {
  try {
    return realpathSync(path);
  } catch {
    return null; // it leads nowhere
  }
}

function link(to, at) {
  try {
    symlinkSync(to, at);
  } catch (error) {
    if (error.code !== 'EEXIST') throw error; // somebody else was faster
  }
}

function copyOnce(from, to) {
  const own = `${to}.${process.pid}`;
  cpSync(from, own, { recursive: true, dereference: true, mode: constants.COPYFILE_FICLONE });
  writable(own);
  try {
    cpSync(own, to, { recursive: true, errorOnExist: false, force: false });
    writable(to);
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

function writable(path) {
  const entry = lstatSync(path);
  if (entry.isSymbolicLink()) return;
  chmodSync(path, entry.mode | 0o200);
  if (entry.isDirectory()) for (const name of readdirSync(path)) writable(join(path, name));
}

/** Takes away what leads into a layer, and what tools kept beside it; what was made there for the app stays. */
export function unlinkModules(layer, tree) {
  const real = realpathSync(layer);
  for (const folder of moduleFolders(real)) drop(join(tree, folder, 'node_modules'));
  function drop(at) {
    if (kindOf(at)?.isDirectory() !== true) return;
    for (const name of readdirSync(at)) {
      const path = join(at, name);
      const entry = lstatSync(path);
      if (entry.isSymbolicLink()) {
        const to = resolve(dirname(path), readlinkSync(path));
        if (isInside(to, real) || isInside(to, tree)) rmSync(path);
      } else if (caches.test(name)) rmSync(path, { recursive: true });
      else if (entry.isDirectory() && name.startsWith('@')) drop(path);
    }
    if (readdirSync(at).length === 0) rmSync(at, { recursive: true });
  }
}

/** Programs of package managers as scripts name them, in a folder of their own; its path. @param managers name -> file */
export function managerCommands(managers, node = process.execPath) {
  const folder = join(tmpdir(), 'managers');
  mkdirSync(folder, { recursive: true });
  for (const [name, file] of Object.entries(managers)) {
    const text = `#!/bin/sh\nexec '${node.replaceAll("'", "'\\''")}' '${file.replaceAll("'", "'\\''")}' "$@"\n`;
    if (!existsSync(join(folder, name))) writeFileSync(join(folder, name), text, { mode: 0o755 });
  }
  return folder;
}

/** Runs a program to its end; its exit code, of a signal what a shell would say. */
export function runProgram(argv, options = {}) {
  return new Promise((done, failed) => {
    const child = spawn(argv[0], argv.slice(1), { stdio: ['ignore', 'inherit', 'inherit'], ...options });
    child.once('error', failed);
    child.once('exit', (code, signal) => done(code ?? 128 + (constants.signals[signal] ?? 0)));
  });
}

/** `build GATE RUN MANAGERS SCRIPT…`: GATE or RUN may be '' (there is none). */
async function build([gate, run, managersJson, ...scripts]) {
  const tree = process.cwd();
  const managers = JSON.parse(managersJson);
  if (scripts.length > 0) {
    if (gate !== '') linkModules(gate, tree);
    const PATH = `${managerCommands(managers)}:${join(tree, 'node_modules', '.bin')}:${process.env.PATH}`;
    for (const script of scripts) {
      const argv = [process.execPath, managers.npm, 'run', '--ignore-scripts=false', script];
      const code = await runProgram(argv, { env: { ...process.env, PATH, npm_config_update_notifier: 'false' } });
      if (code !== 0) {
        process.stderr.write(`error: the script "${script}" of package.json ended with exit ${code}\n`);
        return code;
      }
    }
    if (gate !== '') unlinkModules(gate, tree);
  }
  if (run !== '') linkModules(run, tree);
  return 0;
}

if (process.argv[2] === 'build') process.exitCode = await build(process.argv.slice(3));
