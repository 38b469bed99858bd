// What happens to our containers, heard from the engine as it happens: one connection for all of them, whoever watches. While it is broken
// nothing is heard; when it stands again everyone who watches is told to look for himself, since what happened meanwhile is not known.
import { setTimeout as pause } from 'node:timers/promises';
import type { Engine } from './engine.ts';

export type ContainerEvent =
  | { what: 'die'; exitCode: number | null }
  | { what: 'oom' }
  /** The stream was broken, and stands again. */
  | { what: 'again' };

type Listener = (event: ContainerEvent) => void;

const [firstBackOffMs, longestBackOffMs] = [50, 1000];

export class EngineEvents implements Disposable {
  readonly #engine: Engine;
  readonly #path: string;
  readonly #onAgain: () => void;
  readonly #watchers = new Map<string, Listener>();
  readonly #end = new AbortController();
  #hearing: Promise<void> | null = null;
  #stands = Promise.withResolvers<void>();

  /**
   * @param labels a filter of the engine's: whose events are heard
   * @param onAgain the engine was away and is back
   */
  constructor(engine: Engine, labels: readonly string[], onAgain: () => void) {
    this.#engine = engine;
    const filters = { label: labels, type: ['container'], event: ['die', 'oom'] };
    this.#path = `/events?filters=${encodeURIComponent(JSON.stringify(filters))}`;
    this.#onAgain = onAgain;
  }

  /** Begins to listen, once. Resolves when the stream stands, or has been tried for so long. */
  async stands(limitMs: number): Promise<void> {
    this.#hearing ??= this.#hear();
    await Promise.race([this.#stands.promise, pause(limitMs, undefined, { ref: false })]);
  }

  /** @returns looks away */
  watch(container: string, on: Listener): () => void {
    this.#watchers.set(container, on);
    return () => {
      if (this.#watchers.get(container) === on) this.#watchers.delete(container);
    };
  }

  [Symbol.dispose](): void {
    this.#end.abort();
  }

  async #hear(): Promise<void> {
    const { signal } = this.#end;
    let backOffMs = firstBackOffMs;
    let wasBroken = false;
    while (!signal.aborted) {
      try {
        const stream = await this.#engine.bytes(this.#path, signal);
        // Headers are here: from now on nothing is missed.
        if (wasBroken) this.#again();
        this.#stands.resolve();
        backOffMs = firstBackOffMs;
        let rest = '';
        for await (const chunk of stream as AsyncIterable<Buffer>) {
          const lines = (rest + chunk.toString('utf8')).split('\n');
          rest = lines.pop() ?? '';
          if (rest.length > 1024 ** 2) throw new Error('an event without end');
          for (const line of lines) this.#take(line);
        }
      } catch {
        // Away: whoever asks it something hears why.
      }
      if (signal.aborted) return;
      if (!wasBroken) this.#stands = Promise.withResolvers();
      wasBroken = true;
      await pause(backOffMs, undefined, { signal, ref: false }).catch(() => {});
      backOffMs = Math.min(longestBackOffMs, backOffMs * 2);
    }
  }

  #again(): void {
    for (const on of [...this.#watchers.values()]) on({ what: 'again' });
    this.#onAgain();
  }

  #take(line: string): void {
    const said = parse(line);
    const on = said && this.#watchers.get(said.container);
    if (!on) return;
    if (said.what === 'die') on({ what: 'die', exitCode: said.exitCode });
    else if (said.what === 'oom') on({ what: 'oom' });
  }
}

function parse(line: string): { container: string; what: string; exitCode: number | null } | null {
  try {
    const { Action, Actor } = JSON.parse(line) as {
      Action?: unknown;
      Actor?: { ID?: unknown; Attributes?: { exitCode?: unknown } };
    };
    if (typeof Action !== 'string' || typeof Actor?.ID !== 'string') return null;
    const code = Number(Actor.Attributes?.exitCode ?? Number.NaN);
    return { container: Actor.ID, what: Action, exitCode: Number.isInteger(code) ? code : null };
  } catch {
    return null;
  }
}
