// One run of an image on a developer's machine: started as a server starts it, reached by one port of the loopback, its output told line by line, and
// ended as a server ends it. Whatever happens, no container, network or folder of the run is left.
import { setTimeout as pause } from 'node:timers/promises';
import { waitHealthy } from '../../agent/health/wait-healthy.ts';
import { exitReason } from '../../agent/supervise/exit-reason.ts';
import { defaultTimings } from '../../agent/supervise/instance-parts.ts';
import { portOf } from '../../agent/supervise/prepare-container.ts';
import { fail } from '../../domain/errors.ts';
import type { Forward } from './forward.ts';
import type { LocalPlace } from './place.ts';
import { makeReady, type Startable } from './start.ts';

export type RunEnd = { code: number; reason: string; isStopped: boolean };

export type RunSteps = {
  /** It answers. */
  ready(found: { url: string; status: number; notes: readonly string[]; afterMs: number }): void;
  line(text: string): void;
};

const tailLines = 50;

/**
 * Resolves at its end, however it comes. @param stop ends it with its own signal and the grace of a server; a second one, `kill`, at once
 * @throws unhealthy when it does not answer in its time, bad-config when it cannot be started
 */
export async function runContainer(
  place: LocalPlace,
  asked: Startable,
  door: Forward,
  steps: RunSteps,
  { stop, kill }: { stop: AbortSignal; kill: AbortSignal },
): Promise<RunEnd> {
  const { app, set, view, prepared } = await makeReady(place, asked, door.port);
  const tail: string[] = [];
  const sink = {
    line(text: string): void {
      tail.push(text);
      if (tail.length > tailLines) tail.shift();
      steps.line(text);
    },
    dropped: (bytes: number) => steps.line(`(${bytes} bytes were not shown: it writes faster than can be read)`),
  };
  const beganMs = performance.now();
  try {
    const spec = { id: view.id, ...prepared, limits: set.limits, identity: null };
    const running = await place.runtime.start(spec, sink);
    const lastWords = () => Promise.race([running.outputEnded, pause(running.lastWordsMs, undefined, { ref: false })]);
    const end = async (): Promise<RunEnd> => {
      const graceMs = kill.aborted ? 0 : defaultTimings.stopGraceMs;
      const killed = new Promise<void>((resolve) => kill.addEventListener('abort', () => resolve(), { once: true }));
      await Promise.race([running.stop(graceMs), killed.then(() => running.stop(0))]);
      await lastWords();
      return { code: 0, reason: 'stopped', isStopped: true };
    };
    try {
      if (running.place) door.to({ host: running.place.host, port: prepared.port! });
      const found = await waitHealthy({
        ...{ port: prepared.port!, check: set.health, pids: () => running.pids(), place: running.place },
        ...{ ports: asked.artifact.image?.ports ?? [], exited: running.exited, signal: stop },
        logTail: () => tail,
      });
      if (stop.aborted) return await end();
      if (!found.healthy) {
        const exit = found.endedBy === 'exit' ? await running.exited : null;
        await running.stop(0);
        await lastWords();
        if (exit) return ended(exit, performance.now() - beganMs, set.limits.memoryBytes);
        const advice = [found.cause, ...found.notes].filter((one) => one !== null).join(' ');
        throw fail('unhealthy', found.reason, { advice: advice === '' ? 'Its lines above may say why.' : advice });
      }
      door.to({ host: found.address, port: found.port });
      const { status, notes, afterMs } = found;
      steps.ready({ url: `http://127.0.0.1:${door.port}`, status, notes, afterMs });
      const stopped = new Promise<null>((resolve) => {
        if (stop.aborted) resolve(null);
        stop.addEventListener('abort', () => resolve(null), { once: true });
      });
      const exit = await Promise.race([running.exited, stopped]);
      if (exit === null) return await end();
      await running.stop(0);
      await lastWords();
      return ended(exit, performance.now() - beganMs, set.limits.memoryBytes);
    } finally {
      running.leave();
    }
  } finally {
    await place.letGo(app.id, view.id);
  }
}

const signalNumbers: Readonly<Record<string, number>> = { SIGINT: 2, SIGKILL: 9, SIGSEGV: 11, SIGTERM: 15 };

function ended(exit: Parameters<typeof exitReason>[0], ranMs: number, memoryBytes: number): RunEnd {
  const code = exit.code ?? (exit.signal === null ? 1 : 128 + (signalNumbers[exit.signal] ?? 9));
  return { code, reason: exitReason(exit, ranMs, memoryBytes), isStopped: false };
}

/** Where the app listens in its container, before it is known better. */
export const preferredPort = ({ artifact }: Pick<Startable, 'artifact'>): number =>
  portOf({ ports: artifact.image?.ports ?? [] });
