// What all stages of this machine share: the tools that one of them has fetched, and what Node compiled of the program. Both are kept beside
// the stages, and given to each that comes.
import {
  chmodSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Tools are fetched once for all stages of this machine; they are root's, pinned by hash, and never written again. */
const toolchainCache = join(tmpdir(), `lockstep-test-toolchains-${process.getuid?.() ?? 0}`);
const usualTools = /^(?:uv|pycodestyle|pyflakes)-/;
const largeTools = /^(?:mypy|pyright|sphinx|mkdocs|black|go|golangci-lint|npm|pnpm)-/;

/** What Node compiled of the program is kept for all stages, too: each start of a process takes half the time. */
export function compiledForAll(): string {
  const folder = join(tmpdir(), `lockstep-test-compiled-${process.getuid?.() ?? 0}`);
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o1777); // control has an identity of its own
  return folder;
}

/**
 * What other stages have fetched, as second names of the same files; the large tools of single languages only for who names
 * them. A home on a disk of its own gets copies, and only of what every app of Python needs.
 */
export function giveTools(home: string, large: readonly string[]): void {
  const tools = join(home, 'toolchains');
  if (!existsSync(toolchainCache)) return;
  const isApart = statSync(home).dev !== statSync(toolchainCache).dev;
  for (const name of readdirSync(toolchainCache)) {
    const isLarge = largeTools.test(name) && !large.some((one) => name.startsWith(`${one}-`));
    const isLeftOut = name.startsWith('.') || isLarge || (isApart && !usualTools.test(name));
    if (!isLeftOut && !existsSync(join(tools, name))) giveTree(join(toolchainCache, name), join(tools, name), !isApart);
  }
}

/** Root's, and read by everybody: nothing that a stage runs can change them. */
function giveTree(from: string, to: string, isLinked: boolean): void {
  if (!isLinked) {
    cpSync(from, to, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
    return;
  }
  mkdirSync(to, { recursive: true, mode: 0o755 });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) giveTree(source, target, true);
    else if (entry.isSymbolicLink()) symlinkSync(readlinkSync(source), target);
    else linkSync(source, target);
  }
}

/** Folder by folder: what an earlier test had no use for is kept when a later one has fetched it. */
export function keepTools(home: string): void {
  const tools = join(home, 'toolchains');
  if (!existsSync(tools)) return;
  mkdirSync(toolchainCache, { recursive: true, mode: 0o755 });
  for (const name of readdirSync(tools)) {
    const kept = join(toolchainCache, name);
    if (name.startsWith('.') || existsSync(kept)) continue;
    const staged = join(toolchainCache, `.partial-${name}-${process.pid}`);
    try {
      cpSync(join(tools, name), staged, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
      renameSync(staged, kept);
    } catch {
      // Another test was quicker.
    } finally {
      rmSync(staged, { recursive: true, force: true });
    }
  }
}
