// What main's findings are, small enough to be kept with a verdict: for each finding a hash of its file, its rule and its words
// without numbers and addresses, and how often there is such a one. A line that moved stays the same finding; another one in its place
// does not.
import { createHash } from 'node:crypto';
import type { Finding } from '../../domain/gate.ts';

/** Of more, only their number is kept. */
export const mostIdentities = 2000;

export function identityOf({ file, rule, message }: Finding): string {
  // An address of memory is another one in each run.
  const words = message
    .replace(/\b0x[0-9a-f]+\b/gi, '#')
    .replace(/\d+/g, '#')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 500);
  return createHash('sha256').update([file, rule, words].join('\0')).digest('base64url').slice(0, 12);
}

/** identity -> how often; null when there are too many to be kept. */
export function identitiesOf(findings: readonly Finding[]): Record<string, number> | null {
  const counted: Record<string, number> = {};
  for (const finding of findings) {
    const identity = identityOf(finding);
    counted[identity] = (counted[identity] ?? 0) + 1;
  }
  return Object.keys(counted).length > mostIdentities ? null : counted;
}

/** Those that main does not have, one for one. Of equals the last ones are taken to be new, but `isNew` ones before. */
export function beyond(
  findings: readonly Finding[],
  main: Readonly<Record<string, number>>,
  isNew: (finding: Finding) => boolean,
): Finding[] {
  const left = new Map(Object.entries(main));
  const known = new Set<Finding>();
  const old = findings.filter((one) => !isNew(one));
  for (const finding of old) {
    const identity = identityOf(finding);
    const count = left.get(identity) ?? 0;
    if (count === 0) continue;
    left.set(identity, count - 1);
    known.add(finding);
  }
  return findings.filter((one) => !known.has(one));
}
