// The tools that Lockstep itself brings (uv, the style tools, the static server with its Node), each fetched or copied once
// into the home, and the interpreters that are there already. What `ensure` gives is owned by us and readable by every
// app's identity. It refuses whatever does not have a pinned hash.
import { chmod, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, isFailure } from '../../domain/errors.ts';
import type { HomeFolders } from '../folders.ts';
import { type FoundGo, findGos } from './go-interpreters.ts';
import { type FoundInterpreter, findInterpreters, preferred } from './interpreters.ts';
import { isPartial, isToolFolder, makeTool, nodeFolder, presentFolders, type ToolMaking } from './make-tool.ts';
import { type FoundNode, findNodes } from './node-interpreters.ts';
import { pins, type ToolName } from './pins.ts';

export type { FoundInterpreter } from './interpreters.ts';
export type { ToolName } from './pins.ts';

export type Toolchains = {
  /**
   * The absolute path that stands for `{tool:NAME}`: an executable file for those that are commands, for the others (uv,
   * pycodestyle, pyflakes, pyright, pdoc, sphinx, mkdocs) a folder. Concurrent calls share the work; the signal lets go of the waiting, not of the work.
   * @throws internal (it could not be fetched; the next call tries again), disk-full, no-interpreter, cancelled
   */
  ensure(name: ToolName, signal?: AbortSignal): Promise<string>;
  /** Interpreters that an app's identity can execute, the platform's preferred one first. */
  interpreters(): Promise<readonly FoundInterpreter[]>;
  /** Nodes that an app's identity can execute, the platform's own first; some are fetched when they are resolved. */
  nodes(): Promise<readonly FoundNode[]>;
  /** Go's toolchains that an app's identity can execute; the last is fetched when it is resolved. */
  gos(): Promise<readonly FoundGo[]>;
  /** The executable of an interpreter by its id. @throws no-interpreter, and as `ensure` for one that is fetched */
  resolveInterpreter(id: string): Promise<string>;
  /** Removes the tools of other versions of this program. Whoever runs one keeps it open; a restart takes the present one. */
  dropOld(): Promise<string[]>;
  /** The platform's own Python, for what needs no layer. @throws no-interpreter */
  platformPython(): Promise<string>;
};

export type ToolchainLog = (message: string, details?: Record<string, unknown>) => void;

/**
 * @param given.programRoot the folder of Lockstep's own program: its pinned Node is looked for there, else the running one
 * is taken
 */
export async function openToolchains(given: {
  folders: HomeFolders;
  programRoot: string;
  log: ToolchainLog;
}): Promise<Toolchains> {
  const { folders, log } = given;
  await mkdir(folders.toolchains, { recursive: true, mode: 0o755 });
  await chmod(folders.toolchains, 0o755);
  for (const name of await readdir(folders.toolchains))
    if (isPartial(name)) await rm(join(folders.toolchains, name), { recursive: true, force: true });

  let found: Promise<readonly FoundInterpreter[]> | null = null;
  const interpreters = () => {
    found ??= findInterpreters({ managed: join(folders.toolchains, 'python') }).catch((error: unknown) => {
      found = null;
      throw error;
    });
    return found;
  };
  const platformPython = async () => preferred(await interpreters()).path;
  const making: ToolMaking = {
    ...{ folder: folders.toolchains, programRoot: given.programRoot, log, interpreters },
    go: async () => goOf((await gos())[0]),
  };
  const made = new Map<ToolName, Promise<string>>();

  const begin = (name: ToolName): Promise<string> => {
    const work = makeTool(name, making);
    made.set(name, work);
    work.catch((error: unknown) => {
      made.delete(name);
      log(`the tool ${name} is not there`, { code: isFailure(error) ? error.code : 'internal' });
    });
    return work;
  };

  let foundNodes: Promise<readonly FoundNode[]> | null = null;
  const nodes = () => {
    foundNodes ??= nodeFolder(making)
      .then(({ name }) => findNodes({ own: { version: process.versions.node, folder: name } }))
      .catch((error: unknown) => {
        foundNodes = null;
        throw error;
      });
    return foundNodes;
  };

  let foundGos: Promise<readonly FoundGo[]> | null = null;
  const gos = () => {
    foundGos ??= findGos({ fetched: pins.go[0]!.version }).catch((error: unknown) => {
      foundGos = null;
      throw error;
    });
    return foundGos;
  };
  /** The one that the machine has, else ours. */
  const goOf = async (one: FoundGo | undefined): Promise<string> => one?.path ?? begun('go');
  const begun = (name: ToolName) => made.get(name) ?? begin(name);

  const self: Toolchains = {
    interpreters,
    platformPython,
    async dropOld() {
      const present = new Set(await presentFolders(making));
      const old = (await readdir(folders.toolchains)).filter((name) => isToolFolder(name) && !present.has(name));
      for (const name of old) await rm(join(folders.toolchains, name), { recursive: true, force: true });
      return old;
    },
    nodes,
    gos,
    async resolveInterpreter(id) {
      if (id.startsWith('go-')) {
        const found = (await gos()).find((each) => each.id === id);
        if (found === undefined) return preferred([], id).path;
        return goOf(found);
      }
      if (id.startsWith('node-')) {
        const found = (await nodes()).find((each) => each.id === id);
        if (found === undefined) return preferred([], id).path;
        if ('path' in found) return found.path;
        const at = await self.ensure(found.tool);
        return found.tool === 'node' ? at : join(at, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node');
      }
      const one = (await interpreters()).find((each) => each.id === id);
      return one === undefined ? preferred([], id).path : one.path;
    },
    ensure(name, signal) {
      const work = name === 'go' ? gos().then(([first]) => goOf(first)) : begun(name);
      return signal === undefined ? work : letGo(work, signal);
    },
  };
  return self;
}

/** The work's end, or `cancelled` at once when the signal says so. */
function letGo<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(fail('cancelled', 'Nobody waits for the tool any more.'));
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
