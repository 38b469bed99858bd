// How an end is told to people.
import { isFailure } from '../../domain/errors.ts';
import type { ArtifactPart } from '../../domain/observed.ts';
import { megabytes } from '../../lib/megabytes.ts';
import type { Exit } from '../health/wait-healthy.ts';

/** "exited with code 1 after 0.2 s", "out of memory (limit 64 MB)" */
export function exitReason(exit: Exit, ranMs: number, memoryBytes: number): string {
  if (exit.isOutOfMemory) return `out of memory (limit ${megabytes(memoryBytes)})`;
  if (exit.why !== undefined) return exit.why;
  const after = `after ${(Math.max(0, ranMs) / 1000).toFixed(1)} s`;
  if (exit.signal !== null) return `ended by ${exit.signal} ${after}`;
  return exit.code === null ? `ended ${after}` : `exited with code ${exit.code} ${after}`;
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Why a start came to no process. */
export function startFailure(error: unknown): {
  reason: string;
  notes: string[];
  lacks: ArtifactPart[];
  /** It is no fault of its own: what it runs on is away. */
  isWaiting: boolean;
} {
  if (!isFailure(error))
    return { reason: `could not be started: ${messageOf(error)}`, notes: [], lacks: [], isWaiting: false };
  const lacks = Array.isArray(error.details.lacks) ? (error.details.lacks as ArtifactPart[]) : [];
  const notes = error.advice === null ? [] : [error.advice];
  return { reason: error.message, notes, lacks, isWaiting: error.code === 'engine-away' };
}
