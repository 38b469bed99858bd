// Makes one tool's folder under a name of its own and renames it when it is whole: the name is the complete marker. The
// folder's name holds versions and hashes, so a newer pin is another folder and the old one stays for who uses it.
import { createHash, randomBytes } from 'node:crypto';
import { constants, existsSync } from 'node:fs';
import { chmod, copyFile, lchown, lstat, mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { diskFailure, diskFailureSaid } from '../../domain/disk-failure.ts';
import { fail, isFailure } from '../../domain/errors.ts';
import { ExecError, run } from '../../exec/exec.ts';
import { goProgramFolder, makeGoProgram } from './go-program.ts';
import { ownEnv } from './install-env.ts';
import { type FoundInterpreter, preferred } from './interpreters.ts';
import { isNpmTool, type NpmLock, npmLockOf, npmToolNames } from './npm-tools.ts';
import { goPrograms, npmLocks, type Pin, pins, requirementLines, type ToolName, toolNames } from './pins.ts';

export type ToolMaking = {
  folder: string;
  programRoot: string;
  log: (message: string, details?: Record<string, unknown>) => void;
  interpreters(): Promise<readonly FoundInterpreter[]>;
  /** The `go` that builds programs. */
  go(): Promise<string>;
};

const staticServer = fileURLToPath(new URL('./static-server.mjs', import.meta.url));
const fetchMs = 600_000;

export const isPartial = (name: string): boolean => name.startsWith('.partial-');

/** The path that stands for `{tool:NAME}`. @throws internal, disk-full, no-interpreter */
export async function makeTool(name: ToolName, making: ToolMaking): Promise<string> {
  if (name === 'node') return join(await makeNode(making), 'bin', 'node');
  if (name === 'static-server') return join(await makeStaticServer(making), 'static-server');
  if (name === 'golangci-lint') {
    const program = goPrograms[name];
    const at = await whole(making, goProgramFolder(name, program), (folder) =>
      makeGoProgram(name, program, folder, making),
    );
    return join(at, 'bin', name);
  }
  if (name === 'html-validate') return fetchNpmTool(name, npmLocks[name], making);
  if (isNpmTool(name)) return fetchNpmTool(name, npmLockOf(name), making);
  const at = await fetchTool(name, pins[name], making);
  if (name === 'go') return join(at, 'go', 'bin', 'go');
  return name === 'ruff' || name in commands ? join(at, 'bin', name) : at;
}

/** The folders that the tools of this program have, made or not. Whatever else has the name of a tool is of another version. */
export async function presentFolders(making: ToolMaking): Promise<string[]> {
  const python = preferred(await making.interpreters());
  return [
    ...Object.entries(pins).map(([name, wanted]) => fetchedFolder(name, wanted, python.id)),
    ...Object.entries(npmLocks).map(([name, lock]) => npmFolder(name, lock)),
    ...npmToolNames.map((name) => npmFolder(name, npmLockOf(name))),
    ...Object.entries(goPrograms).map(([name, program]) => goProgramFolder(name, program)),
    (await nodeFolder(making)).name,
    (await staticServerFolder(making)).name,
  ];
}

/** A folder that some version of this program made for a tool. */
export const isToolFolder = (name: string): boolean => toolNames.some((tool) => name.startsWith(`${tool}-`));

/** Bytecode, and the head of a script, are one interpreter's. */
function fetchedFolder(name: string, wanted: readonly Pin[], pythonId: string): string {
  const key = createHash('sha256').update(requirementLines(wanted)).update(pythonId).digest('hex').slice(0, 12);
  return `${name}-${wanted[0]!.version}-${key}`;
}

async function fetchTool(name: string, wanted: readonly Pin[], making: ToolMaking): Promise<string> {
  const found = await making.interpreters();
  const python = preferred(found);
  const requirements = requirementLines(wanted);
  return whole(making, fetchedFolder(name, wanted, python.id), async (at) => {
    making.log(`fetching ${name} ${wanted[0]!.version}`);
    const file = join(at, 'requirements.txt');
    await writeFile(file, requirements);
    const pip = await findPip(['python3', ...found.map(({ path }) => path)]);
    const options = '--target= --no-deps --require-hashes --no-compile --no-cache-dir --no-input --quiet'.split(' ');
    options[0] += at;
    await run([...pip, 'install', ...options, '--only-binary=:all:', '--requirement', file], {
      env: ownEnv(),
      timeoutMs: fetchMs,
      okCodes: [0],
    });
    const entry = commands[name];
    if (entry !== undefined) await writeFile(join(at, 'bin', name), commandScript(python.path, entry));
    const compile = ['-I', '-m', 'compileall', '-q', '--invalidation-mode', 'unchecked-hash', at];
    await run([python.path, ...compile], { env: {}, timeoutMs: fetchMs });
  });
}

/** Tools that are a command of their own: which function of which module it is. pip's script would not find the folder. */
const commands: Readonly<Record<string, readonly [module: string, name: string]>> = {
  flake8: ['flake8.main.cli', 'main'],
  mypy: ['mypy.__main__', 'console_entry'],
  black: ['black', 'patched_main'],
};

const commandScript = (python: string, [module, name]: readonly [string, string]): string =>
  `#!${python} -I
import os
import sys
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from ${module} import ${name}
if __name__ == "__main__":
    raise SystemExit(${name}())
`;

function npmFolder(name: string, lock: NpmLock): string {
  const key = createHash('sha256').update(JSON.stringify(lock)).digest('hex').slice(0, 12);
  return `${name}-${Object.values(lock.packages[''].dependencies)[0]}-${key}`;
}

/** npm holds every package against the integrity of the lock, and runs no script of any. */
function fetchNpmTool(name: string, lock: NpmLock, making: ToolMaking): Promise<string> {
  const { dependencies } = lock.packages[''];
  return whole(making, npmFolder(name, lock), async (at) => {
    making.log(`fetching ${name} ${Object.values(dependencies)[0]}`);
    await writeFile(join(at, 'package.json'), JSON.stringify({ name: 'tool', dependencies }));
    await writeFile(join(at, 'package-lock.json'), JSON.stringify(lock));
    const options = '--ignore-scripts --omit=dev --no-audit --no-fund --no-update-notifier --loglevel=error'.split(' ');
    await run(['npm', 'ci', ...options], { env: ownEnv(), cwd: at, timeoutMs: fetchMs, okCodes: [0] }).catch(
      withoutNpm,
    );
  });
}

function withoutNpm(error: unknown): never {
  if (!(error instanceof ExecError) || error.result !== null) throw error;
  throw fail('internal', 'There is no npm on this machine, which fetches the tools that are written in JavaScript.', {
    advice: 'Install npm where the agent finds it (its PATH), and push again.',
    cause: error,
  });
}

/** The first Python that has pip. @throws internal */
async function findPip(pythons: readonly string[]): Promise<string[]> {
  for (const python of pythons) {
    const pip = [python, '-m', 'pip', '--disable-pip-version-check'];
    const answer = await run([...pip, '--version'], { env: ownEnv(), timeoutMs: 30_000 }).catch(() => null);
    if (answer?.code === 0) return pip;
  }
  throw fail('internal', 'No Python on this machine has pip, which fetches the tools.', {
    advice: 'Install it with the package manager of the system, for example python3-pip.',
  });
}

/** Lockstep's own Node: the folder that its copy has. */
export async function nodeFolder(making: Pick<ToolMaking, 'programRoot'>): Promise<{ name: string; source: string }> {
  const pinned = join(making.programRoot, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node');
  const source = existsSync(pinned) ? pinned : process.execPath;
  const { size, mtimeMs } = await lstat(source);
  const key = createHash('sha256').update(`${process.version} ${size} ${mtimeMs}`).digest('hex').slice(0, 12);
  return { name: `node-${process.versions.node}-${key}`, source };
}

/** Copied, not linked: the checkout may lie where no app can reach it. */
async function makeNode(making: ToolMaking): Promise<string> {
  const { name, source } = await nodeFolder(making);
  return whole(making, name, async (at) => {
    await mkdir(join(at, 'bin'));
    await copyFile(source, join(at, 'bin', 'node'), constants.COPYFILE_FICLONE);
    await chmod(join(at, 'bin', 'node'), 0o755);
  });
}

async function staticServerFolder(making: ToolMaking): Promise<{ name: string; text: Buffer; wrapper: string }> {
  const node = (await nodeFolder(making)).name;
  await using script = await open(staticServer);
  const text = await script.readFile();
  // Paths by the script's own place: nothing is pasted into it.
  const wrapper = `#!/bin/sh\nexec "\${0%/*}/../${node}/bin/node" "\${0%/*}/static-server.mjs" "$@"\n`;
  const key = createHash('sha256').update(text).update(wrapper).digest('hex').slice(0, 12);
  return { name: `static-server-${key}`, text, wrapper };
}

async function makeStaticServer(making: ToolMaking): Promise<string> {
  await makeNode(making);
  const { name, text, wrapper } = await staticServerFolder(making);
  return whole(making, name, async (at) => {
    await writeFile(join(at, 'static-server.mjs'), text, { mode: 0o644 });
    await writeFile(join(at, 'static-server'), wrapper, { mode: 0o755 });
  });
}

/** The folder of that name, made by `fill` unless it is there. */
async function whole(making: ToolMaking, name: string, fill: (at: string) => Promise<void>): Promise<string> {
  const target = join(making.folder, name);
  if (existsSync(target)) return target;
  const at = join(making.folder, `.partial-${name}-${randomBytes(4).toString('hex')}`);
  try {
    await mkdir(at, { mode: 0o755 });
    await fill(at);
    await settle(at);
    await rename(at, target);
    await sync(making.folder);
    return target;
  } catch (error) {
    if (existsSync(target)) return target; // somebody else was faster
    throw explain(name, error);
  } finally {
    await rm(at, { recursive: true, force: true });
  }
}

/** Ours, readable by everybody, writable by nobody else, and on the disk. */
async function settle(path: string): Promise<void> {
  const entry = await lstat(path);
  if (process.getuid?.() === 0) await lchown(path, 0, 0);
  if (entry.isSymbolicLink()) return;
  const isExecutable = entry.isDirectory() || (entry.mode & 0o100) !== 0;
  await chmod(path, isExecutable ? 0o755 : 0o644);
  if (entry.isDirectory()) for (const name of await readdir(path)) await settle(join(path, name));
  await sync(path);
}

async function sync(path: string): Promise<void> {
  await using handle = await open(path, 'r');
  await handle.sync();
}

function explain(name: string, error: unknown): unknown {
  if (isFailure(error)) return error;
  const printed = error instanceof ExecError ? (error.result?.stderr ?? '') : '';
  const what = `The tool ${name} could not be fetched`;
  const disk = diskFailure(error, what) ?? diskFailureSaid(printed, what, error);
  if (disk) return disk;
  const said = error instanceof ExecError ? (error.result?.stderr.trim().split('\n').slice(-3) ?? []) : [];
  return fail('internal', `The tool ${name} could not be fetched.`, {
    advice: 'Lockstep tries again when it is needed; see that this machine reaches its package index.',
    details: { said: said.map((line) => line.replace(/\/\/[^/@\s]*@/g, '//')) },
    cause: error,
  });
}
