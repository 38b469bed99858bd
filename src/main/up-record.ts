// `run/up.json`: which processes serve this home, and where. Lockstep serves without it too: on a disk without room the old one,
// which names processes that are gone, is taken away, and the new one is written when there is room.
import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { diskFailure } from '../domain/disk-failure.ts';
import { atomicWrite } from '../lib/atomic-write.ts';

const againMs = 1000;

export class UpRecord {
  readonly #file: string;
  readonly #content: () => object;
  readonly #say: (message: string) => void;
  readonly #signal: AbortSignal;
  #isWaiting = false;

  /** @param given.content what is to be written, asked at each try */
  constructor(given: { file: string; content: () => object; say: (message: string) => void; signal: AbortSignal }) {
    this.#file = given.file;
    this.#content = given.content;
    this.#say = given.say;
    this.#signal = given.signal;
  }

  /** Written when this resolves, unless the disk takes nothing: then as soon as it does. */
  async write(): Promise<void> {
    if (this.#isWaiting || (await this.#isWritten())) return;
    this.#isWaiting = true;
    void this.#writeLater();
  }

  async #writeLater(): Promise<void> {
    while (!this.#signal.aborted) {
      await sleep(againMs, undefined, { signal: this.#signal, ref: false }).catch(() => {});
      if (this.#signal.aborted || (await this.#isWritten())) break;
    }
    this.#isWaiting = false;
  }

  async #isWritten(): Promise<boolean> {
    try {
      await atomicWrite(this.#file, `${JSON.stringify(this.#content())}\n`, 0o644);
      return true;
    } catch (error) {
      const disk = diskFailure(error, 'the record of what runs waits to be written');
      if (disk === null) throw error;
      if (!this.#isWaiting) this.#say(disk.message);
      this.#remove();
      return false;
    }
  }

  #remove(): void {
    try {
      rmSync(this.#file, { force: true });
    } catch (error) {
      if (diskFailure(error) === null) throw error;
    }
  }
}
