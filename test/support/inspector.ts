// A look into a Node process that runs, by its own debugger: how much memory it has and where, what it waits for, and how many things
// its collections hold. The process must have been started with `NODE_OPTIONS=--inspect-port=0`; it is asked with SIGUSR1.
import { readFileSync } from 'node:fs';
import { until } from './stage.ts';

export const inspectable = { NODE_OPTIONS: '--inspect-port=0' };

/** Entries of every living Map, Set, Array and listener list, after a full collection; the largest named by what they hold. */
export type Held = { maps: number; sets: number; arrays: number; objects: number; largest: string[] };
export type Memory = Record<'rss' | 'heapTotal' | 'heapUsed' | 'external' | 'arrayBuffers', number>;

type Reply = {
  id?: number;
  result?: { result?: { value?: unknown; objectId?: string }; objects?: { objectId: string } };
};

export class Inspected implements Disposable {
  readonly #socket: WebSocket;
  #next = 0;
  readonly #waiting = new Map<number, (reply: Reply) => void>();

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => {
      const reply = JSON.parse(String(data)) as Reply;
      if (reply.id === undefined) return;
      this.#waiting.get(reply.id)?.(reply);
      this.#waiting.delete(reply.id);
    });
  }

  /** @param said what the process has written to its standard error so far */
  static async open(pid: number, said: () => string): Promise<Inspected> {
    const addresses = (): string[] => [...said().matchAll(/Debugger listening on (ws:\S+)/g)].map(([, url]) => url!);
    const before = addresses().length;
    process.kill(pid, 'SIGUSR1');
    await until(
      () => addresses().length > before,
      20_000,
      () => `process ${pid} opened no debugger: ${said().slice(-500)}`,
    );
    const socket = new WebSocket(addresses().at(-1)!);
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve, { once: true });
      socket.addEventListener('error', reject, { once: true });
    });
    return new Inspected(socket);
  }

  #send(method: string, params: object = {}): Promise<NonNullable<Reply['result']>> {
    this.#next += 1;
    const id = this.#next;
    return new Promise((resolve) => {
      this.#waiting.set(id, ({ result }) => resolve(result ?? {}));
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }

  async evaluate<T>(expression: string): Promise<T> {
    const { result } = await this.#send('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true });
    return result?.value as T;
  }

  async collect(): Promise<void> {
    await this.#send('HeapProfiler.enable');
    for (let times = 0; times < 2; times += 1) await this.#send('HeapProfiler.collectGarbage');
  }

  memory(): Promise<Memory> {
    return this.evaluate('process.memoryUsage()');
  }

  /** What it waits for, by kind. */
  resources(): Promise<Record<string, number>> {
    const count = '(all, one) => ({ ...all, [one]: (all[one] ?? 0) + 1 })';
    return this.evaluate(`process.getActiveResourcesInfo().reduce(${count}, {})`);
  }

  async held(): Promise<Held> {
    await this.collect();
    const [maps, sets, arrays] = [
      await this.#among(
        'Map',
        '(all) => [all.reduce((sum, one) => sum + one.size, 0), all.map(told).sort(more).slice(0, 8).map(([, text]) => text)]',
      ),
      await this.#among('Set', '(all) => [all.reduce((sum, one) => sum + one.size, 0)]'),
      await this.#among(
        'Array',
        '(all) => [all.reduce((sum, one) => sum + one.length, 0), all.map(told).sort(more).slice(0, 8).map(([, text]) => text)]',
      ),
    ];
    const objects = await this.#among('Object', '(all) => [all.length]');
    return {
      ...{ maps: maps[0], sets: sets[0], arrays: arrays[0], objects: objects[0] },
      largest: [...(maps[1] ?? []), ...(arrays[1] ?? [])],
    };
  }

  async #among(kind: string, what: string): Promise<[number, string[]?]> {
    const { result } = await this.#send('Runtime.evaluate', { expression: `${kind}.prototype` });
    const { objects } = await this.#send('Runtime.queryObjects', { prototypeObjectId: result?.objectId });
    const told = `(one) => { const size = one.size ?? one.length; const key = one.size === undefined ? one[0] : [...one.keys()][0];
      let text; try { text = typeof key === 'object' ? Object.keys(key ?? {}).join() : String(key); } catch { text = '?'; }
      return [size, (one.size === undefined ? 'array' : 'map') + ' of ' + size + ': ' + text.slice(0, 60)]; }`;
    const functionDeclaration = `function () { const told = ${told}; const more = ([a], [b]) => b - a; return (${what})(this); }`;
    const called = await this.#send('Runtime.callFunctionOn', {
      ...{ objectId: objects?.objectId, functionDeclaration, returnByValue: true },
    });
    await this.#send('Runtime.releaseObject', { objectId: objects?.objectId });
    return called.result?.value as [number, string[]?];
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

/** Kilobytes of private memory by what it is: malloc's heap, other anonymous memory (V8's, stacks), files. */
export function privateKb(pid: number): { malloc: number; anonymous: number; files: number } {
  const sums = { malloc: 0, anonymous: 0, files: 0 };
  let kind: keyof typeof sums = 'anonymous';
  for (const line of readFileSync(`/proc/${pid}/smaps`, 'latin1').split('\n')) {
    const head = /^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ (\d+) *(.*)$/.exec(line);
    if (head) kind = head[2] === '[heap]' ? 'malloc' : head[1] === '0' ? 'anonymous' : 'files';
    const size = /^Private_(?:Dirty|Clean):\s+(\d+) kB/.exec(line);
    if (size) sums[kind] += Number(size[1]);
  }
  return sums;
}
