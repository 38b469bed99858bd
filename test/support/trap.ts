// A trap of a tool as a row of a table: what lies in the repository, and what the gate must say of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Check } from '../../src/gate/check.ts';
import type { Answer, Asked, Files, RealChecks } from './real-checks.ts';

export type Trap = {
  /** A sentence; docs/checks.md names it. */
  name: string;
  check: Check;
  files: Files;
  asked?: Asked | (() => Asked);
  outcome: 'passed' | 'failed' | 'infra';
  summary: string | RegExp;
  /** `file:line rule`, all of them. Left out: they are not looked at. */
  places?: readonly string[];
  more?: (answer: Answer) => void;
};

/** Each is a test, in both layouts. */
export function trapTests(checks: () => RealChecks, traps: readonly Trap[]): void {
  for (const { name, check, files, asked = {}, outcome, summary, places, more } of traps)
    test(name, async () => {
      const answer = await checks().inBoth(check, files, typeof asked === 'function' ? asked() : asked);
      const [own] = answer.results;
      const said = JSON.stringify(own, null, 1);
      assert.equal(own?.outcome, outcome, said);
      if (typeof summary === 'string') assert.equal(own.summary, summary, said);
      else assert.match(own.summary, summary, said);
      if (places !== undefined)
        assert.deepEqual(
          own.findings.map(({ file, line, rule }) => `${file}:${line} ${rule}`),
          places,
          said,
        );
      more?.(answer);
    });
}
