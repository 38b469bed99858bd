// How an end is told to people.
import type { Exit } from '../health/wait-healthy.ts';

export const megabytes = (bytes: number): string => `${Math.round(bytes / (1024 * 1024))} MB`;

/** "exited with code 1 after 0.2 s", "out of memory (limit 64 MB)" */
export function exitReason(exit: Exit, ranMs: number, memoryBytes: number): string {
  if (exit.isOutOfMemory) return `out of memory (limit ${megabytes(memoryBytes)})`;
  const after = `after ${(Math.max(0, ranMs) / 1000).toFixed(1)} s`;
  if (exit.signal !== null) return `ended by ${exit.signal} ${after}`;
  return exit.code === null ? `ended ${after}` : `exited with code ${exit.code} ${after}`;
}
