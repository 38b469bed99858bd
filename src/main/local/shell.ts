// A shell, or one command, in an app's image: with the environment, the user, the volumes, the network and the limits that the app has in it. The
// container is gone with it.
import { attachTo } from '../../agent/engine/attach.ts';
import { EngineRefusal } from '../../agent/engine/stream.ts';
import { containerBody } from '../../agent/runtimes/docker/container-spec.ts';
import { containersOf } from '../../agent/runtimes/docker/containers.ts';
import { startRefused } from '../../agent/runtimes/docker/start-refused.ts';
import { fail } from '../../domain/errors.ts';
import type { LocalPlace } from './place.ts';
import { makeReady, type Startable } from './start.ts';

export type Terminal = {
  /** null: there is no terminal, and each piece is output or error. */
  size(): { rows: number; columns: number } | null;
  onResize(handler: () => void): () => void;
  input: NodeJS.ReadableStream & { unref?(): unknown };
  /** Keys go to what runs, and its bytes to the screen, as they are; the caller has to undo it. */
  raw(isRaw: boolean): Promise<void>;
  out(bytes: Buffer): void;
  err(bytes: Buffer): void;
};

/** Whichever there is. */
const anyShell = ['/bin/sh', '-c', 'command -v bash >/dev/null && exec bash || exec sh'];
const endMs = 10_000;
/** Keys that would leave the container alone with what it does: bytes that nobody types. The engine's own are Ctrl-P Ctrl-Q, and hold back each Ctrl-P. */
const leaveKeys = '%FF,%FF,%FF';

/** Resolves with the command's own exit code. @throws bad-config when it cannot be started */
export async function runInImage(
  place: LocalPlace,
  asked: Startable,
  words: readonly string[],
  terminal: Terminal,
  interrupts: (handler: () => void) => () => void,
): Promise<number> {
  const { app, set, view, prepared } = await makeReady(place, asked, 0);
  const containers = containersOf(place.engine, place.node);
  const undo: (() => unknown)[] = [];
  try {
    const isTerminal = terminal.size() !== null;
    const argv = words.length > 0 ? words : anyShell;
    const network = await place.runtime.networkOf(app.id);
    const body = containerBody({
      ...{ ...prepared.container!, node: place.node, instance: view.id, argv, network, isOwnInit: true },
      ...{ env: { ...(isTerminal ? { TERM: 'xterm-256color' } : {}), ...prepared.env }, limits: set.limits },
    });
    const streams = { AttachStdin: true, AttachStdout: true, AttachStderr: true, OpenStdin: true, StdinOnce: true };
    const id = await containers.create({ ...body, ...streams, Tty: isTerminal });
    const at = `/v${place.facts.api}/containers/${id}/attach?stream=1&stdin=1&stdout=1&stderr=1&detachKeys=${leaveKeys}`;
    const attached = await attachTo(place.socket, at, { ...terminal, isTerminal });
    if (isTerminal) {
      // Before anything is said: who types at once is not to see it twice.
      undo.push(() => terminal.raw(false));
      await terminal.raw(true);
    }
    await containers.start(id).catch((error: unknown) => {
      throw error instanceof EngineRefusal ? startRefused(error, argv) : error;
    });
    const fit = (): void => {
      const size = terminal.size();
      if (size === null) return;
      const query = `h=${size.rows}&w=${size.columns}`;
      void place.engine.ask('POST', `/containers/${id}/resize?${query}`).catch(() => {}); // it has ended
    };
    if (isTerminal) {
      undo.push(terminal.onResize(fit));
      fit();
    }
    let asks = 0;
    undo.push(
      interrupts(() => {
        asks += 1;
        void containers.kill(id, asks === 1 ? 'SIGINT' : 'SIGKILL').catch(() => {}); // it has ended
      }),
    );
    attached.input.on('error', () => {}); // it does not read any more
    terminal.input.pipe(attached.input);
    undo.push(() => {
      terminal.input.unpipe(attached.input);
      terminal.input.pause();
      terminal.input.unref?.();
      attached.input.destroy();
    });
    await attached.ended;
    return await exitCodeOf(containers, id);
  } finally {
    for (const one of undo.reverse()) one();
    await place.letGo(app.id, view.id);
  }
}

/** Its streams end a moment before it does. */
async function exitCodeOf(containers: ReturnType<typeof containersOf>, id: string): Promise<number> {
  for (const limit = performance.now() + endMs; performance.now() < limit; ) {
    const state = await containers.look(id);
    if (state === null) break;
    if (!state.isRunning) return state.exitCode;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw fail('engine-away', 'the container has closed its streams and goes on', { advice: 'It is removed now.' });
}
