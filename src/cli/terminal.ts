// The person's own terminal, for a program that is somewhere else.
import { runAttached } from '../exec/run-attached.ts';
import type { Terminal } from '../main/local/shell.ts';
import type { Io } from './io.ts';

export function terminalOf(io: Io): Terminal {
  const isWhole = io.stdin.isTTY === true && io.isOutTty;
  return {
    size: () => (isWhole ? { rows: process.stdout.rows || 24, columns: process.stdout.columns || 80 } : null),
    onResize(handler) {
      process.stdout.on('resize', handler);
      return () => void process.stdout.off('resize', handler);
    },
    input: io.stdin,
    async raw(isRaw) {
      io.stdin.setRawMode?.(isRaw);
      if (!isRaw) return;
      // Node leaves it to the terminal to go back to a line's begin at its end; what comes has been through a terminal already.
      const env = { PATH: io.env.PATH ?? '/usr/bin:/bin' };
      await runAttached(['stty', '-opost'], { cwd: '/', env }).catch(() => {}); // without it a screen may look odd
    },
    // As they come: a piece may end within a character, and what is no text at all is to arrive whole.
    out: (bytes) => void process.stdout.write(bytes),
    err: (bytes) => void process.stderr.write(bytes),
  };
}
