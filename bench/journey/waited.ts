// Whether the programs that were started ahead of a push were there for it: the agent's record of a job says so.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Of the checks that began since then, how many found a program that waited for them. @param sinceMs since the epoch */
export function waitedFor(home: string, sinceMs: number): { checks: number; waited: number } {
  const folder = join(home, 'agent', 'jobs');
  const records = readdirSync(folder).flatMap((name) => {
    try {
      const { kind, isAhead, startedAtMs, begunUpMs } = JSON.parse(
        readFileSync(join(folder, name, 'record.json'), 'utf8'),
      );
      return kind === 'check' && !isAhead && startedAtMs >= sinceMs ? [begunUpMs !== undefined] : [];
    } catch {
      return []; // it is being made, or removed
    }
  });
  return { checks: records.length, waited: records.filter(Boolean).length };
}
