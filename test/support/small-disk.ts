// A disk that a test can fill: a file system of its own on a small image, mounted and unmounted here. Root is needed.
import { execFileSync, spawn } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class SmallDisk implements Disposable {
  readonly #folder: string;
  readonly path: string;
  #isMounted = true;

  private constructor(folder: string, path: string) {
    this.#folder = folder;
    this.path = path;
  }

  /** null: this machine does not let us mount. @param at where; a folder of its own unless told */
  static mount(options: {
    megabytes: number;
    inodes?: number;
    kind?: 'ext4' | 'tmpfs';
    at?: string;
  }): SmallDisk | null {
    if (process.getuid?.() !== 0) return null;
    const folder = mkdtempSync(join(tmpdir(), 'lockstep-disk-'));
    const path = options.at ?? join(folder, 'mnt');
    mkdirSync(path, { recursive: true });
    try {
      if (options.kind === 'tmpfs') {
        const inodes = options.inodes === undefined ? '' : `,nr_inodes=${options.inodes}`;
        execFileSync('mount', [
          '-t',
          'tmpfs',
          '-o',
          `size=${options.megabytes}m,mode=755${inodes}`,
          'lockstep-test',
          path,
        ]);
      } else {
        const image = join(folder, 'image');
        writeFileSync(image, '');
        truncateSync(image, options.megabytes * 1024 ** 2);
        const inodes = options.inodes === undefined ? [] : ['-N', String(options.inodes)];
        execFileSync('mkfs.ext4', ['-q', '-F', '-m', '0', '-b', '4096', ...inodes, image]);
        execFileSync('mount', ['-o', 'loop', image, path], { stdio: 'pipe' });
      }
    } catch {
      rmSync(folder, { recursive: true, force: true });
      return null;
    }
    return new SmallDisk(folder, path);
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize;
  }

  /** Takes all room but `leaveBytes`, in a file of its own beside what is there. */
  fill(leaveBytes = 0): void {
    const descriptor = openSync(join(this.path, 'filler'), 'a');
    try {
      for (const piece of [1024 ** 2, 65_536, 4096, 512]) {
        const bytes = Buffer.alloc(piece, 7);
        while (this.freeBytes - leaveBytes >= piece || (leaveBytes === 0 && piece <= 4096))
          writeSync(descriptor, bytes);
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    } finally {
      closeSync(descriptor);
    }
  }

  /** Takes so much and no more: what is given back meanwhile stays free. */
  take(bytes: number): void {
    const descriptor = openSync(join(this.path, 'filler'), 'a');
    try {
      const piece = Buffer.alloc(1024 ** 2, 7);
      for (let left = bytes; left > 0; left -= piece.length)
        writeSync(descriptor, piece, 0, Math.min(left, piece.length));
    } finally {
      closeSync(descriptor);
    }
  }

  free(): void {
    rmSync(join(this.path, 'filler'), { force: true });
  }

  /** Takes every inode. */
  fillInodes(): void {
    mkdirSync(join(this.path, 'fillers'), { recursive: true });
    try {
      for (let at = 0; ; at += 1) writeFileSync(join(this.path, 'fillers', String(at)), '');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
  }

  freeInodes(): void {
    rmSync(join(this.path, 'fillers'), { recursive: true, force: true });
  }

  /** What a kernel does that finds its file system broken: from now on nothing can be written, by whoever had it open too. */
  breakDown(): void {
    execFileSync('mount', ['-o', 'remount,abort', this.path], { stdio: 'pipe' });
  }

  /** From now on whoever writes waits, until `thaw`; at the latest after so many seconds, whatever becomes of the test. */
  freeze(atMostSeconds: number): void {
    const words = ['-c', 'sleep "$1"; exec fsfreeze --unfreeze "$2"', 'thaw', String(atMostSeconds), this.path];
    spawn('sh', words, { detached: true, stdio: 'ignore' }).unref();
    execFileSync('fsfreeze', ['--freeze', this.path], { stdio: 'pipe' });
  }

  thaw(): void {
    try {
      execFileSync('fsfreeze', ['--unfreeze', this.path], { stdio: 'pipe' });
    } catch {
      // It had thawed by itself.
    }
  }

  /** After a break-down: checks the file system, as its operator does, and mounts it again. Nobody may have anything open on it. */
  mend(): void {
    execFileSync('umount', ['--lazy', this.path], { stdio: 'pipe' });
    try {
      execFileSync('e2fsck', ['-fy', join(this.#folder, 'image')], { stdio: 'pipe' });
    } catch (error) {
      if ((error as { status: number }).status > 1) throw error; // 1: it was mended
    }
    execFileSync('mount', ['-o', 'loop', join(this.#folder, 'image'), this.path], { stdio: 'pipe' });
  }

  unmount(): void {
    if (!this.#isMounted) return;
    this.#isMounted = false;
    execFileSync('umount', ['--lazy', this.path], { stdio: 'pipe' });
  }

  [Symbol.dispose](): void {
    this.unmount();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
