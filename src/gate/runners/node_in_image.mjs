// Brings what only the checks need into the packages of an image. The image's own stay as they are, so that what serves is what is tested; a
// package that it lacks is copied in, whole, and finds the image's own beside it, as if one installation had made both. Where the image has none at
// all (a stage that builds pages), there is nothing to find: they are linked, and find one another where they lie.
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

/** What tools and package managers keep for themselves. */
const isOwn = (name) => name.startsWith('.') && name !== '.bin' && name !== '.pnpm';
const mostNotes = 5;

const kindOf = (path) => {
  try {
    const entry = lstatSync(path);
    return entry.isSymbolicLink() ? 'link' : entry.isDirectory() ? 'folder' : 'file';
  } catch {
    return null;
  }
};

function versionOf(folder) {
  try {
    return String(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version ?? '');
  } catch {
    return null;
  }
}

/** Folders with installed packages, from the top: '' and those of workspaces. */
function moduleFolders(top, at = '', depth = 0) {
  const names = readdirSync(join(top, at), { withFileTypes: true }).filter((one) => one.isDirectory());
  const own = names.some(({ name }) => name === 'node_modules') ? [at] : [];
  if (depth >= 4) return own;
  const inner = names.filter(({ name }) => name !== 'node_modules' && !name.startsWith('.'));
  return [...own, ...inner.flatMap(({ name }) => moduleFolders(top, join(at, name), depth + 1))];
}

/** @param gate a folder with all that is installed for checks @param tree the project in the image @returns what to say of it */
export function mergeModules(gate, tree) {
  const others = [];
  const isBare = kindOf(join(tree, 'node_modules')) === null;
  const merge = (from, to) => {
    mkdirSync(to, { recursive: true });
    for (const name of readdirSync(from)) {
      if (isOwn(name)) continue;
      const [source, target] = [join(from, name), join(to, name)];
      const [kind, there] = [kindOf(source), kindOf(target)];
      const isGroup = name === '.bin' || name === '.pnpm' || name.startsWith('@');
      if (kind === 'folder' && isGroup && there !== 'link') merge(source, target);
      else if (there === null) bring(source, target, kind, isBare);
      else if (kind === 'folder' && there === 'folder') inside(source, target);
    }
  };
  const inside = (source, target) => {
    const [wanted, own] = [versionOf(source), versionOf(target)];
    if (wanted !== own && wanted !== null && own !== null)
      others.push(
        `${target.slice(target.lastIndexOf('node_modules/') + 'node_modules/'.length)} is ${own} in the image, not ${wanted}`,
      );
    else if (kindOf(join(source, 'node_modules')) === 'folder')
      merge(join(source, 'node_modules'), join(target, 'node_modules'));
  };
  for (const folder of existsSync(gate) ? moduleFolders(gate) : [])
    if (existsSync(join(tree, folder))) merge(join(gate, folder, 'node_modules'), join(tree, folder, 'node_modules'));
  const more = others.length > mostNotes ? [`and ${others.length - mostNotes} packages more`] : [];
  return [...others.slice(0, mostNotes), ...more];
}

function bring(source, target, kind, isBare) {
  mkdirSync(dirname(target), { recursive: true });
  // As it leads: a workspace is the tree's own.
  if (kind === 'link') symlinkSync(readlinkSync(source), target);
  else if (isBare) symlinkSync(source, target);
  else cpSync(source, target, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
}
