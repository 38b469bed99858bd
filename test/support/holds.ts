// Failpoints that a test catches by name: every process that comes to one waits, and goes on within milliseconds unless the
// test is waiting for just that one.
import { chmodSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from './stage.ts';

export class Holds {
  readonly #folder: string;
  readonly #names: readonly string[];
  readonly #end = new AbortController();
  readonly #done: Promise<void>;
  #caught: string | null = null;

  constructor(folder: string, names: readonly string[]) {
    this.#folder = folder;
    this.#names = names;
    // Control has an identity of its own, and writes here.
    mkdirSync(folder);
    chmodSync(folder, 0o777);
    this.#done = this.#run();
  }

  /** For the environment of `up`. */
  get env(): Record<string, string> {
    return { LOCKSTEP_FAILPOINTS: this.#names.map((name) => `${name}=hold:${this.#file(name)}`).join(',') };
  }

  /** The next process that comes to `name` stays there. Call before it can. */
  catch(name: string): void {
    this.#caught = name;
  }

  /** Resolves when somebody stands at the caught one. */
  async reached(): Promise<void> {
    const name = this.#caught!;
    await until(
      () => existsSync(this.#file(name)),
      20_000,
      () => `nobody came to ${name}`,
    );
  }

  /** Catches another one and lets go of the present one. */
  goOn(next: string | null = null): void {
    const name = this.#caught;
    this.#caught = next;
    if (name !== null) rmSync(this.#file(name), { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#done;
  }

  #file(name: string): string {
    return join(this.#folder, name);
  }

  async #run(): Promise<void> {
    while (!this.#end.signal.aborted) {
      for (const name of this.#names) if (name !== this.#caught) rmSync(this.#file(name), { force: true });
      await sleep(2);
    }
    for (const name of this.#names) rmSync(this.#file(name), { force: true });
  }
}
