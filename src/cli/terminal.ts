// The person's own terminal, for a program that is somewhere else.
import type { Terminal } from '../main/local/shell.ts';
import type { Io } from './io.ts';

export function terminalOf(io: Io): Terminal {
  const isWhole = io.stdin.isTTY === true && io.isOutTty;
  return {
    size: () => (isWhole ? { rows: process.stdout.rows ?? 24, columns: process.stdout.columns ?? 80 } : null),
    onResize(handler) {
      process.stdout.on('resize', handler);
      return () => void process.stdout.off('resize', handler);
    },
    input: io.stdin,
    out: (bytes) => io.out(bytes.toString('utf8')),
    err: (bytes) => io.err(bytes.toString('utf8')),
  };
}
