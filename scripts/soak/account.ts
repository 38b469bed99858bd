// What a soak did and found, as a table for people or as JSON.
import type { Nemesis } from './nemesis.ts';
import type { Outcome } from './site.ts';

export type Account = {
  seed: number;
  minutes: number;
  /** `deploy` -> outcome -> how often. */
  works: Record<string, Partial<Record<Outcome, number>>>;
  troubles: Record<string, { times: number; longestMs: number }>;
  /** Of what was not done: `push: why` -> how often. */
  reasons: Record<string, number>;
  /** Left out, and why. */
  leftOut: string[];
  requests: number;
  versions: Record<string, number>;
  /** What does not hold; empty: all does. */
  problems: string[];
  seconds: number;
};

export function troublesOf({ counts }: Nemesis): Account['troubles'] {
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}

export function accountLines(account: Account): string[] {
  const { works, troubles, versions, problems, leftOut } = account;
  const rows = [
    ...Object.entries(works).map(([work, outcomes]) => [
      work,
      Object.entries(outcomes)
        .map(([outcome, times]) => `${times} ${outcome}`)
        .join(', '),
    ]),
    ...Object.entries(troubles).map(([trouble, { times, longestMs }]) => [
      trouble,
      `${times} times, over after ${(longestMs / 1000).toFixed(1)} s at the longest`,
    ]),
    ...Object.entries(account.reasons)
      .sort(([, a], [, b]) => b - a)
      .slice(0, 12)
      .map(([why, times]) => ['not done', `${times} times: ${why}`]),
    ...leftOut.map((why) => ['left out', why]),
    ['requests', `${account.requests}`],
    [
      'releases',
      Object.entries(versions)
        .map(([app, version]) => `${app} v${version}`)
        .join(', '),
    ],
  ];
  const width = Math.max(...rows.map(([name]) => name!.length));
  return [
    ...rows.map(([name, value]) => `  ${name!.padEnd(width)}  ${value}`),
    problems.length === 0
      ? `  all holds, after ${account.seconds} s (seed ${account.seed})`
      : `  ${problems.length} things do not hold (seed ${account.seed}, ${account.minutes} minutes):`,
    ...problems.map((problem) => `    - ${problem}`),
  ];
}
