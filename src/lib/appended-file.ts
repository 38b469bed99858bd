// A file to whose end things are added again and again: it stays open, so that adding is one turn of the thread pool. It refuses a file
// that is not what was left there (removed, replaced, of another length): whoever adds writes it anew then.
//
// `synced`: what was added is on the disk when that is answered. `written`: the kernel has it, so no end of this process loses it;
// `sync` brings it to the disk.
import { close, constants, fdatasync, fstatSync, ftruncate, open, statSync, write } from 'node:fs';
import { promisify } from 'node:util';
import { enter, isArmed, leave } from './seam.ts';

export type Durability = 'synced' | 'written';

const flags: Readonly<Record<Durability, number>> = {
  synced: constants.O_WRONLY | constants.O_APPEND | constants.O_DSYNC,
  written: constants.O_WRONLY | constants.O_APPEND,
};
// Numbers and no FileHandle: whoever forgets one of those is ended by the collector of garbage.
const disk = {
  open: promisify(open),
  write: promisify(write),
  sync: promisify(fdatasync),
  cut: promisify(ftruncate),
  close: promisify(close),
};

export class AppendedFile {
  readonly durability: Durability;
  readonly #path: string;
  #open: number | null = null;

  constructor(path: string, durability: Durability) {
    this.#path = path;
    this.durability = durability;
  }

  /**
   * Adds `more` to a file of so many bytes. False: it is not that any more.
   * @throws what the disk says: the file is as it was then
   */
  async append(bytes: number, more: Buffer): Promise<boolean> {
    const at = isArmed ? enter('listFile.append') : null;
    this.#open ??= await disk.open(this.#path, flags[this.durability]).catch(() => null);
    const file = this.#open;
    if (file === null || !isAsLeft(this.#path, file, bytes)) return false;
    try {
      for (let done = 0; done < more.length; ) done += (await disk.write(file, more, done)).bytesWritten;
      if (isArmed) leave(at, 'half');
    } catch (error) {
      await disk.cut(file, bytes).catch(() => {});
      throw error;
    }
    if (isArmed) leave(at);
    return true;
  }

  /** Of what was `written`: resolves when the disk has it. */
  async sync(): Promise<void> {
    if (this.durability === 'synced' || this.#open === null) return;
    const at = isArmed ? enter('listFile.sync') : null;
    await disk.sync(this.#open);
    if (isArmed) leave(at);
  }

  async close(): Promise<void> {
    const file = this.#open;
    this.#open = null;
    if (file !== null) await disk.close(file).catch(() => {});
  }
}

/** Still the file at that path, with so many bytes in it. What is open is in the kernel's memory: this waits for no disk. */
function isAsLeft(path: string, file: number, bytes: number): boolean {
  try {
    const [found, own] = [statSync(path), fstatSync(file)];
    return found.ino === own.ino && found.dev === own.dev && found.size === bytes;
  } catch {
    return false;
  }
}
