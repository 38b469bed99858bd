// What people see of a build: each step as it begins, marked when it came from a cache, and what it writes, whole lines, up to a limit.
import { readBuildStatus } from './build-status.ts';

const mostBytes = 2 * 1024 ** 2;
const mostLineChars = 2000;
const tailLines = 50;
const namedChars = 160;

export class BuildLog {
  readonly #onLine: (line: string) => void;
  readonly #redact: (text: string) => string;
  readonly #said = new Set<string>();
  readonly #names = new Map<string, string>();
  readonly #rests = new Map<string, string>();
  readonly #cached = new Set<string>();
  readonly #tail: string[] = [];
  #bytes = 0;
  /** The step that failed, and how; null: none has said so. */
  failure: string | null = null;

  /** @param redact takes out of a text what nobody may see */
  constructor(onLine: (line: string) => void, redact: (text: string) => string = (text) => text) {
    this.#onLine = onLine;
    this.#redact = redact;
  }

  get cachedSteps(): number {
    return this.#cached.size;
  }

  add(message: Buffer): void {
    const status = readBuildStatus(message);
    if (status === null) return;
    for (const { digest, name, isCached, isStarted, isDone, error } of status.steps) {
      // The builder's own errands are no steps of the Dockerfile.
      if (name.startsWith('[internal]')) continue;
      if (isCached && !this.#cached.has(digest)) {
        this.#cached.add(digest);
        this.#say(`${name} (from the cache)`);
      } else if (isStarted && !isDone && !this.#said.has(digest)) this.#say(name);
      if (isStarted || isCached) this.#said.add(digest);
      this.#names.set(digest, name);
      if (error !== '' && !/context canceled/.test(error)) this.failure ??= failureOf(name, error);
    }
    for (const { step, bytes } of status.output) {
      const text = (this.#rests.get(step) ?? '') + bytes.toString('utf8');
      const lines = text.split(/\r?\n/);
      // Before it is cut: half of a secret is not known for one.
      this.#rests.set(step, this.#redact(lines.pop() ?? '').slice(-mostLineChars));
      for (const line of lines) this.#say(line);
    }
  }

  /** What had no end of line yet. */
  end(): void {
    for (const rest of this.#rests.values()) if (rest !== '') this.#say(rest);
    this.#rests.clear();
  }

  tail(): readonly string[] {
    return [...this.#tail];
  }

  #say(text: string): void {
    const line = this.#redact(text).slice(0, mostLineChars);
    this.#tail.push(line);
    if (this.#tail.length > tailLines) this.#tail.shift();
    const wasWithin = this.#bytes <= mostBytes;
    this.#bytes += line.length + 1;
    if (this.#bytes <= mostBytes) this.#onLine(line);
    else if (wasWithin) this.#onLine('… the build writes more than is shown');
  }
}

/** The builder says the whole command once more before how it ended: that is left out, or the end of it would be cut. */
function failureOf(name: string, error: string): string {
  const how = error.replace(/^(?:executor failed running \[.*\]|process ".*" did not complete successfully): /s, '');
  return `${name.length > namedChars ? `${name.slice(0, namedChars)}…` : name}: ${how}`;
}
