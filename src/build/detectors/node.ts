// A Node app: what package.json's `start` says, else the file that serves. What needs no shell is run without one, so that
// signals reach it (npm would keep them to itself). A site that is only built is served as files.
import type { PackageJson } from '../../config/readers/package-json.ts';
import type { Command } from '../../domain/plan.ts';
import { readManifest } from '../node-layers.ts';
import { hasFile, readSource, type TreeView } from '../tree-view.ts';
import type { Detection, Detector } from './detection.ts';

const node = '{layer}/bin/node';
const names = ['server', 'app', 'index', 'main', 'src/server', 'src/index', 'src/app', 'src/main'];
const endings = ['.js', '.mjs', '.cjs', '.ts', '.mts'];
const serves = /\.listen\s*\(|\bcreateServer\s*\(|\bserve\s*\(|\bDeno\.serve\b|\bBun\.serve\b/;

/** Who says what `listen` is, is a framework: its users listen. */
const definesListen =
  /^\s*(?:async\s+)?listen\s*\([^)\n]*\)\s*(?::[^{\n]+)?\{|\.listen\s*=\s*(?:async\s+)?(?:function\b|\()|^\s*listen\s*(?:,\s*$|:\s*(?:function\b|\w+\s*[,}]))/m;

/** Where a generator leaves its pages. */
const generators: Readonly<Record<string, string>> = {
  vite: 'dist',
  astro: 'dist',
  parcel: 'dist',
  '@vue/cli-service': 'dist',
  'react-scripts': 'build',
  '@docusaurus/core': 'build',
  '@11ty/eleventy': '_site',
  gatsby: 'public',
  vitepress: '.vitepress/dist',
};

export const nodeDetector: Detector = {
  name: 'Node',
  looksFor: 'package.json with a start script, a main or a server.js that listens',
  async detect(view) {
    const manifest = await readManifest(view);
    if (manifest === null) return null;
    const { start } = manifest.scripts;
    const about = { name: frameworkOf(manifest), rank: 58, language: 'node', alternatives: [], notes: [] } as const;
    if (start !== undefined) {
      const { command, env } = startCommand(manifest, start);
      return { ...about, why: `package.json's start script is "${start}"`, web: { server: 'node', command, env } };
    }
    const file = await entryFile(view, manifest);
    if (file !== null) {
      const said = file === manifest.main ? `package.json's main is ${file}` : `${file} listens`;
      return { ...about, why: said, web: { server: 'node', command: { argv: [node, file] }, env: {} } };
    }
    return builtSite(manifest, about);
  },
};

function frameworkOf({ dependencies }: PackageJson): string {
  const known = {
    next: 'Next',
    nuxt: 'Nuxt',
    '@nestjs/core': 'Nest',
    hono: 'Hono',
    fastify: 'Fastify',
    express: 'Express',
    koa: 'Koa',
  };
  const found = Object.entries(known).find(([name]) => dependencies[name] !== undefined);
  return found ? `Node (${found[1]})` : 'Node';
}

/** main, when it is a file that serves, else the first of the usual names that does. */
async function entryFile(view: TreeView, { main }: PackageJson): Promise<string | null> {
  const said = main === null ? [] : [main.replace(/^\.\//, '')].flatMap((one) => [one, `${one}.js`, `${one}/index.js`]);
  const usual = names.flatMap((name) => endings.map((ending) => `${name}${ending}`));
  for (const path of [...said, ...usual]) {
    if (!hasFile(view, path)) continue;
    const text = (await readSource(view, path)) ?? '';
    if (serves.test(text) && !definesListen.test(text)) return path;
  }
  return null;
}

function builtSite(
  { scripts, dependencies, devDependencies }: PackageJson,
  about: Omit<Detection, 'why' | 'web'>,
): Detection | null {
  const all = { ...dependencies, ...devDependencies };
  const generator = Object.keys(generators).find((name) => all[name] !== undefined);
  if (scripts.build === undefined || generator === undefined) return null;
  const root = generators[generator]!;
  const why = `${generator} builds it, and package.json has no start script: ${root} is served`;
  return { ...about, name: `${generator} site`, why, web: { server: 'static', root } };
}

/** `start`, followed through scripts that only name another one. */
export function startCommand(
  { scripts }: Pick<PackageJson, 'scripts'>,
  start: string,
): { command: Command; env: Readonly<Record<string, string>> } {
  let line = start.trim();
  const before = scripts.prestart;
  for (let depth = 0; depth < 4; depth += 1) {
    const other = /^(?:npm|pnpm|yarn)(?: run)? (?:--silent |-s )?([\w:.-]+)$/.exec(line)?.[1];
    if (other === undefined || scripts[other] === undefined || other === 'start') break;
    line = scripts[other]!.trim();
  }
  const plain = before === undefined ? plainNode(line) : null;
  if (plain !== null) return plain;
  // A single command takes the shell's place; more than one need it.
  const isSingle = !/[;&|<>()`\n]|\$\(/.test(line) && !/^[A-Za-z_]\w*=/.test(line);
  const last = isSingle ? `exec ${line}` : line;
  return { command: { shell: before === undefined ? last : `{ ${before.trim()}; } && ${last}` }, env: {} };
}

/** `NAME=value node --flag file.js`, when that is all. */
function plainNode(line: string): { command: Command; env: Record<string, string> } | null {
  const words = line.split(/\s+/);
  const env: Record<string, string> = {};
  for (let word = words[0]; word !== undefined && /^[A-Za-z_]\w*=[\w./:-]*$/.test(word); word = words[0]) {
    const at = word.indexOf('=');
    env[word.slice(0, at)] = word.slice(at + 1);
    words.shift();
  }
  const isPlain = words.length > 1 && words.every((word) => /^[\w@%+=:,./-]+$/.test(word));
  if (words[0] !== 'node' || !isPlain) return null;
  return { command: { argv: [node, ...words.slice(1)] }, env };
}
