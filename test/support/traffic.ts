// A steady traffic against one running app (that of `traffic-app/`), and an oracle about it: whatever a visitor got that the
// platform may never give is kept as a problem. An answer of ours (an L-code), a reset or refused connection, a short or
// other body, a socket closed without 1012, an older release after a newer one, a post that arrived twice or not at all.
import { randomBytes } from 'node:crypto';
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { root, type Stage } from './stage.ts';
import { type Visitor, visitors } from './visitors.ts';

/** The app's sources, for `stage.makeApp`. A deploy is any edit of its `change.txt`. */
export const trafficApp = join(root, 'test', 'support', 'traffic-app');

type Problem = { fromMs: number; toMs: number; why: string };
export type TrafficOptions = {
  /** Kinds of visitor to leave out. */
  without?: readonly string[];
  /** 2 asks half as often. */
  slower?: number;
};

export class Traffic {
  readonly #at: { port: number; host: string };
  readonly #kept = new Agent({ keepAlive: true, maxSockets: 32 });
  readonly #end = new AbortController();
  #rest: AbortController;
  #isResting = false;
  readonly #problems: Problem[] = [];
  readonly #excused: { fromMs: number; toMs: number }[] = [];
  readonly #run = randomBytes(4).toString('hex');
  readonly #posts = new Map<string, boolean>();
  readonly #open = new Map<string, Set<Promise<void>>>();
  readonly #done: Promise<unknown>;
  /** Visits that ended well, by kind. */
  readonly counts: Record<string, number> = {};
  /** The highest release that has answered. */
  newest = 0;

  constructor(at: { port: number; host: string }, options: TrafficOptions = {}) {
    this.#at = at;
    this.#rest = new AbortController();
    const { without = [], slower = 1 } = options;
    const kinds = visitors.filter(({ name }) => !without.includes(name));
    this.#done = Promise.all(kinds.map((kind) => this.#keepVisiting(kind, slower)));
  }

  static of(stage: Stage, app: string, options: TrafficOptions = {}): Traffic {
    return new Traffic({ port: stage.port, host: `${app}.localhost:${stage.port}` }, options);
  }

  get requests(): number {
    return Object.values(this.counts).reduce((sum, count) => sum + count, 0);
  }

  /** Problems of visits that overlap `work` are not counted: something is being killed on purpose. */
  async excuse<T>(work: () => Promise<T>): Promise<T> {
    const time = { fromMs: performance.now(), toMs: Number.POSITIVE_INFINITY };
    this.#excused.push(time);
    try {
      return await work();
    } finally {
      time.toMs = performance.now();
    }
  }

  /** No visitor comes until `goOn`; what lasts is closed by its visitor. */
  async rest(): Promise<void> {
    this.#isResting = true;
    this.#rest.abort();
    await Promise.all([...this.#open.values()].flatMap((visits) => [...visits]));
  }

  goOn(): void {
    this.#rest = new AbortController();
    this.#isResting = false;
  }

  /** Visits that went wrong so far. */
  get failures(): number {
    return this.#counted().length;
  }

  /** What went wrong so far, in words; empty when nothing did. */
  problems(): string[] {
    const counted = this.#counted();
    const said = counted.map(({ fromMs, toMs, why }) => `${Math.round(fromMs)}+${Math.round(toMs - fromMs)} ms ${why}`);
    return said.length > 12 ? [...said.slice(0, 6), `… ${said.length - 12} more`, ...said.slice(-6)] : said;
  }

  /** Ends the traffic, asks the app how often each post arrived, and tells all problems. */
  async verdict(): Promise<string[]> {
    await this.#stop();
    const times = new Map<string, number>();
    const text = await bodyOf(this.#at, '/seen');
    for (const id of text.split('\n')) times.set(id, (times.get(id) ?? 0) + 1);
    const wrong = [...this.#posts].flatMap(([id, isAnswered]) => {
      const count = times.get(id) ?? 0;
      const isRight = isAnswered ? count === 1 : count <= 1;
      return isRight ? [] : [`post ${id}, ${isAnswered ? '' : 'not '}answered, arrived ${count} times`];
    });
    return [...this.problems(), ...wrong];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
  }

  #counted(): Problem[] {
    return this.#problems.filter(
      (one) => !this.#excused.some(({ fromMs, toMs }) => one.toMs >= fromMs && one.fromMs <= toMs),
    );
  }

  async #stop(): Promise<void> {
    this.#end.abort();
    this.#rest.abort();
    await this.#done;
    this.#kept.destroy();
  }

  async #keepVisiting(kind: Visitor, slower: number): Promise<void> {
    const open = new Set<Promise<void>>();
    this.#open.set(kind.name, open);
    for (let count = 0; !this.#end.signal.aborted; count += 1) {
      if (!this.#isResting && open.size < kind.atOnce) {
        const one: Promise<void> = this.#visit(kind, `${this.#run}-${kind.name}-${count}`).finally(() =>
          open.delete(one),
        );
        open.add(one);
      }
      // Nobody comes to the beat: those whose connection was closed come back apart from each other.
      const pauseMs = kind.everyMs * slower * (0.5 + randomBytes(1)[0]! / 255);
      await sleep(pauseMs, undefined, { signal: this.#end.signal }).catch(() => {});
    }
    await Promise.all(open);
  }

  async #visit(kind: Visitor, id: string): Promise<void> {
    const fromMs = performance.now();
    const { signal } = this.#rest;
    const floor = this.newest;
    // What lasts has been fine until its last good answer; only its end is held against it.
    let sinceMs = fromMs;
    const saw = (status: number | undefined, headers: IncomingHttpHeaders) => {
      const release = releaseOf(status, headers);
      if (release < floor) throw new Error(`release v${release} after v${floor}`);
      this.newest = Math.max(this.newest, release);
      if (kind.lasts) sinceMs = Number.POSITIVE_INFINITY;
    };
    const posted = (post: string, isAnswered: boolean) => void this.#posts.set(post, isAnswered);
    try {
      await kind.visit({ at: this.#at, kept: this.#kept, id, signal, saw, posted });
      this.counts[kind.name] = (this.counts[kind.name] ?? 0) + 1;
    } catch (error) {
      const toMs = performance.now();
      const { message, code } = error as NodeJS.ErrnoException;
      this.#problems.push({ fromMs: Math.min(sinceMs, toMs), toMs, why: `${kind.name}: ${message || code}` });
    }
  }
}

/** The number of the release that made an answer, by the router's word and by the app's own. */
function releaseOf(status: number | undefined, headers: IncomingHttpHeaders): number {
  const { 'x-lockstep-code': code, 'x-lockstep-release': routed, 'x-app-release': own } = headers;
  if (status !== 200 || code !== undefined) throw new Error(`answered ${status} ${code ?? ''} of ${routed}`);
  if (routed !== own) throw new Error(`the router says ${routed}, the app says ${own}`);
  return Number(/^v(\d+)$/.exec(String(own))?.[1] ?? Number.NaN);
}

function bodyOf(at: { port: number; host: string }, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port: at.port, path, headers: { host: at.host }, agent: false });
    asked.once('error', reject);
    asked.once('response', (response) => text(response).then(resolve, reject));
    asked.end();
  });
}
