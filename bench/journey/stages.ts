// Where the milliseconds of one push went: stages that follow one another along the critical path, each from two moments
// of the ledger or from the duration that the job's own clock gave. What lies in no stage shows up as a difference between
// their sum and the client's clock, and beyond 5 % the run is void.
export type Check = {
  kind: string;
  name: string;
  outcome: string;
  startedAtMs: number;
  durationMs: number;
  metrics: Record<string, number>;
};
export type Change = {
  id: string;
  head: string;
  state: string;
  reason: string | null;
  isMemoised: boolean;
  moments: Record<string, number>;
  verdict: { outcome: string; checks: Check[] } | null;
};
export type Stage = { name: string; ms: number };

export type Staged = {
  stages: Stage[];
  sumMs: number;
  /** Of the client's clock. */
  share: number;
  /** The checks and the boot, as they ran beside one another. */
  beside: Stage[];
  /** Push to live less the longer of checks and boot. */
  ownMs: number;
};

/** Times are milliseconds since the epoch. @throws when the ledger lacks a moment */
export function stagesOf(change: Change, pushedAt: number, firstByteAt: number): Staged {
  const { moments } = change;
  const at = (name: string): number => {
    const value = moments[name];
    if (value === undefined) throw new Error(`the change has no moment "${name}": ${Object.keys(moments).join(', ')}`);
    return value;
  };
  const worked = (change.verdict?.checks ?? []).filter((one) => one.kind !== 'build');
  const endOf = (check: Check): number => at(`${check.name}Ended`);
  const last = worked.reduce((one, other) => (endOf(other) > endOf(one) ? other : one));
  // A check is launched when its copy is whole, while the release is still being synced.
  const placedAt = Math.min(at('placed'), Math.max(at('planned'), last.startedAtMs));
  const startOf = Math.max(placedAt, last.startedAtMs);
  const switchedAt = Math.min(at('switched'), firstByteAt);
  const stages: Stage[] = [
    { name: 'transfer', ms: at('requested') - pushedAt },
    { name: 'receive', ms: at('received') - at('requested') },
    { name: 'admit', ms: at('gating') - at('received') },
    { name: 'read tree', ms: at('treeRead') - at('gating') },
    { name: 'plan', ms: at('planned') - at('treeRead') },
    { name: 'place tree', ms: placedAt - at('planned') },
    { name: `start ${last.name}`, ms: startOf - placedAt },
    { name: last.name, ms: last.durationMs },
    { name: `end ${last.name}`, ms: endOf(last) - startOf - last.durationMs },
    { name: 'prove', ms: at('proved') - endOf(last) },
    { name: 'store', ms: at('stored') - at('proved') },
    { name: 'advance', ms: at('advanced') - at('stored') },
    { name: 'switch', ms: switchedAt - at('advanced') },
    { name: 'first byte', ms: firstByteAt - switchedAt },
  ].map(({ name, ms }) => ({ name, ms: Math.max(0, ms) }));
  const sumMs = stages.reduce((sum, { ms }) => sum + ms, 0);
  const longest = Math.max(...worked.map(({ durationMs }) => durationMs));
  return {
    stages,
    sumMs,
    share: sumMs / (firstByteAt - pushedAt),
    beside: (change.verdict?.checks ?? []).map(({ name, durationMs }) => ({ name, ms: durationMs })),
    ownMs: firstByteAt - pushedAt - longest,
  };
}

/** Why the gate was not executed as a whole; empty when it was. */
export function missingOf(change: Change): string[] {
  const wrong: string[] = [];
  if (change.state !== 'landed') wrong.push(`the change ended as ${change.state}: ${change.reason}`);
  if (change.isMemoised) wrong.push('the verdict came from the memo');
  for (const name of ['style', 'tests', 'build', 'boot']) {
    const check = change.verdict?.checks.find((one) => one.name === name);
    if (check?.outcome !== 'passed' || !(check.durationMs > 0)) wrong.push(`the check ${name} did not run and pass`);
  }
  const metric = (check: string, name: string) =>
    change.verdict?.checks.find((one) => one.name === check)?.metrics[name];
  if (!((metric('tests', 'testsRun') ?? 0) > 0)) wrong.push('no test was run');
  if (metric('coverage', 'coverageLines') === undefined) wrong.push('no coverage was measured');
  return wrong;
}
