// What a job says of the pages that it was to make: what they are made from, as a digest, and whether it made them or left them
// as main has them. A digest is said only where it stands for everything that goes into the pages.
import type { JobResult } from '../../domain/job.ts';

export const madeFromReport = 'made-from.json';

/** `digest` null: nobody can say, they are made each time. */
export type MadeFrom = { digest: string | null; isBuilt: boolean };

/** null: it says nothing, or nothing of the form. */
export function madeFromOf(job: Pick<JobResult, 'reports'>): MadeFrom | null {
  try {
    const { digest, isBuilt } = JSON.parse(job.reports[madeFromReport] ?? '') as Record<string, unknown>;
    if (typeof isBuilt !== 'boolean') return null;
    return { digest: typeof digest === 'string' && /^[0-9a-f]{64}$/.test(digest) ? digest : null, isBuilt };
  } catch {
    return null;
  }
}
