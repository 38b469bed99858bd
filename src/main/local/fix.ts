// Lets the tools that can mend the changed files of a work tree. They run as whoever asked, in the work tree itself: it is
// their own checkout, and `git diff` shows what was done. Tools of Lockstep's own are those of the gate, by hash.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { homeFolders } from '../../agent/folders.ts';
import { isToolName } from '../../agent/toolchains/pins.ts';
import { openToolchains } from '../../agent/toolchains/toolchains.ts';
import { planAsWritten } from '../../build/image-plan.ts';
import type { TreeId } from '../../domain/ids.ts';
import { run } from '../../exec/exec.ts';
import { type Fix, fixesFor } from '../../gate/fixers.ts';
import { safe } from '../../gate/messages.ts';
import { factsOfTree } from '../../journey/check-job.ts';
import { programRoot } from '../version.ts';
import { noApp, withTree } from './plan.ts';

const limitMs = 120_000;

/** Resolves with the files that were changed. */
export async function localFix(request: {
  home: string;
  top: string;
  objects: string;
  treeInto(objects: string): Promise<TreeId>;
  baseTree: TreeId | null;
  env: Readonly<Record<string, string | undefined>>;
  say(line: string): void;
}): Promise<string[]> {
  const { top, say } = request;
  const fixes = await withTree(request, async (tree, diff) =>
    fixesFor(await factsOfTree(tree, diff, await planAsWritten(tree.view, noApp, []))),
  );
  if (fixes.length === 0)
    say('no tool that is configured here can mend the changed files (ruff, black, biome, eslint, prettier, gofmt)');
  const env = Object.fromEntries(
    Object.entries(request.env).filter((one): one is [string, string] => one[1] !== undefined),
  );
  const changed = new Set<string>();
  for (const fix of fixes) {
    const program = await programOf(fix, request);
    if (program === null) {
      say(`${fix.tool} is configured, and not installed in ${fix.root}node_modules: install the dependencies first`);
      continue;
    }
    say(
      `${fix.tool} ${fix.words.join(' ')}: may write ${fix.files.length} ${fix.files.length === 1 ? 'file' : 'files'}`,
    );
    const before = await hashesOf(top, fix.files);
    const files = fix.files.map((path) => path.slice(fix.root.length));
    // Two dashes mean nothing to gofmt, which is given no name that begins with one.
    const operands = fix.tool === 'gofmt' ? files : ['--', ...files];
    const end = await run([program, ...fix.words, ...operands], { cwd: join(top, fix.root), env, timeoutMs: limitMs });
    const after = await hashesOf(top, fix.files);
    for (const [path, hash] of after) if (before.get(path) !== hash) changed.add(path);
    // What it could not mend it says by its exit; the gate finds that again.
    if (end.code !== 0 && end.code !== 1)
      say(`${fix.tool} ended with ${end.code ?? end.signal}: ${safe(end.stderr.trim().split('\n')[0] ?? '')}`);
  }
  for (const path of [...changed].sort()) say(`mended ${safe(path)}`);
  return [...changed].sort();
}

async function programOf({ tool, from, root }: Fix, { home, top }: { home: string; top: string }) {
  if (from === 'machine') return tool;
  if (from === 'node_modules') {
    for (const folder of [join(top, root), top]) {
      const program = join(folder, 'node_modules', '.bin', tool);
      if (existsSync(program)) return program;
    }
    return null;
  }
  if (!isToolName(tool)) return null;
  const folders = homeFolders(home);
  await mkdir(folders.home, { recursive: true, mode: 0o711 });
  return (await openToolchains({ folders, programRoot, log: () => {} })).ensure(tool);
}

async function hashesOf(top: string, files: readonly string[]): Promise<Map<string, string>> {
  const hashes = new Map<string, string>();
  for (const path of files) {
    const content = await readFile(join(top, path)).catch(() => null);
    if (content !== null) hashes.set(path, createHash('sha256').update(content).digest('hex'));
  }
  return hashes;
}
