// The failpoints of the seams (`src/lib/seam.ts`), from the outside: what each kind of process passed, and what is to be done
// at which of them.
import { randomUUID } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from './stage.ts';

export type Kind = 'control' | 'agent' | 'router';
export const kinds: readonly Kind[] = ['control', 'agent', 'router'];
/** `effect` at the count-th passing of `name` (`*`: of any) from now on. */
export type Step = { effect: 'kill' | 'stop' | 'throw'; count: number; name: string };

export class Failpoints {
  readonly #folder: string;
  readonly #more: Readonly<Record<string, string>>;

  /** `more`: what else `up` is told, at every start. */
  constructor(folder: string, more: Readonly<Record<string, string>> = {}) {
    this.#folder = folder;
    this.#more = more;
    // Control and router have identities of their own, and write here.
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, 0o777);
  }

  /** For the environment of `up`. */
  get env(): Record<string, string> {
    return { ...this.#more, LOCKSTEP_FAILPOINTS: `@${this.#folder}` };
  }

  /** The names that this kind has passed since the last `forget`, in order. */
  passed(kind: Kind): string[] {
    return this.#lines('passed', kind);
  }

  /** Forgets what was passed, and takes back what was planned. */
  forget(): void {
    for (const kind of kinds)
      for (const what of ['plan', 'at', 'passed', 'done']) rmSync(this.#file(what, kind), { force: true });
  }

  /** Steps that are done one after the other, by whichever process of the kind lives then; `keep`: what was done stays told. */
  plan(kind: Kind, steps: readonly Step[], told: 'keep' | 'forget' = 'forget'): void {
    if (told === 'forget') rmSync(this.#file('done', kind), { force: true });
    const text = steps.map(({ effect, count, name }) => `${effect} ${count} ${name}\n`).join('');
    const file = this.#file('plan', kind);
    writeFileSync(`${file}.new`, `plan ${randomUUID()}\n${text}`);
    chmodSync(`${file}.new`, 0o644);
    renameSync(`${file}.new`, file);
  }

  /** Where the planned steps were done, as far as they are. */
  done(kind: Kind): string[] {
    return this.#lines('done', kind);
  }

  async reached(kind: Kind, count = 1, limitMs = 60_000): Promise<void> {
    await until(
      () => this.done(kind).length >= count,
      limitMs,
      () => `${kind} has not come to: ${this.#lines('plan', kind).join(', ')}`,
    );
  }

  #file(what: string, kind: Kind): string {
    return join(this.#folder, `${what}.${kind}`);
  }

  #lines(what: string, kind: Kind): string[] {
    const file = this.#file(what, kind);
    return existsSync(file)
      ? readFileSync(file, 'utf8')
          .split('\n')
          .filter((line) => line !== '')
      : [];
  }
}
