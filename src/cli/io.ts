// What a command may touch of the machine: streams, environment, folder. Handed in, so that a test gives its own.
import type { Readable } from 'node:stream';

export type Io = {
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  stdin: Readable & { isTTY?: boolean; setRawMode?(isRaw: boolean): unknown };
  /** Results, for people or as JSON. */
  out(text: string): void;
  /** Everything else: progress, notes, errors. */
  err(text: string): void;
  isOutTty: boolean;
  isErrTty: boolean;
  /** Aborted by the first Ctrl-C of a command that asked for it with `onInterrupt`. */
  onInterrupt(handler: () => void): () => void;
};

/** The process's own streams. A reader that goes away (`lockstep logs | head`) ends the program quietly. */
export function processIo(): Io {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
  });
  return {
    env: process.env,
    cwd: process.cwd(),
    get stdin() {
      return process.stdin;
    },
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    isOutTty: process.stdout.isTTY === true,
    isErrTty: process.stderr.isTTY === true,
    onInterrupt: (handler) => {
      process.on('SIGINT', handler);
      return () => void process.off('SIGINT', handler);
    },
  };
}
