import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withServer } from '../fake-place.ts';
import { sparkline, trend } from '../present/chart.ts';
import { makePaint } from '../present/paint.ts';
import { type QualityView, qualityLines } from './quality.ts';

const paint = makePaint(false, {});
const release = (version: number, more: Partial<QualityView>): QualityView => ({
  ...{
    version,
    commit: 'a'.repeat(40),
    changes: [version],
    landedAt: '2026-01-01T00:00:00.000Z',
    coverage: null,
    docstrings: null,
  },
  ...{ findings: null, tests: null, testsFailed: 0, testsSkipped: 0, flaky: 0, gateMs: 1500 },
  ...more,
});

test('figures become a line of blocks from the lowest to the highest, a dot where nothing was measured', () => {
  assert.equal(sparkline([10, 8, 6, 4, 2, 0]), '\u2588\u2587\u2585\u2584\u2582\u2581');
  assert.equal(sparkline([1, null, 1]), '\u2584\u00b7\u2584');
  assert.equal(sparkline([]), '');
  assert.equal(trend([null, 3, 1], String), '3 -> 1 (falls)');
  assert.deepEqual(
    [trend([null], String), trend([2], String), trend([2, 2], String)],
    ['not measured', '2', '2 -> 2 (holds)'],
  );
});

test('on a terminal there is a chart, elsewhere there are words, and what got worse is marked', () => {
  const items = [release(1, { findings: 40, coverage: 0.9 }), release(2, { findings: 20, coverage: 0.8999 })];
  const onTty = qualityLines(items, paint, true);
  assert.equal(onTty[0], 'v1 to v2, 2 releases by a change');
  assert.match(onTty[2]!, /findings +\u2588\u2581 +40 -> 20 \(falls\)/);
  assert.match(onTty[1]!, /coverage +\u2588\u2581 +90 % -> 89\.9 % \(falls\)/);
  const plain = qualityLines(items, paint, false);
  assert.ok(plain.every((line) => !/[\u2581-\u2588]/.test(line)));
  const colours = makePaint(true, {});
  const [, coverage, findings] = qualityLines(items, colours, false);
  assert.match(coverage!, /\u001b\[33m/);
  assert.doesNotMatch(findings!, /\u001b/);
  assert.deepEqual(qualityLines([], paint, true), ['nothing has landed yet']);
});

test('what landed together is one release, and says whose figures these are', () => {
  const items = [release(1, {}), release(2, { changes: [2, 3, 5] }), release(3, { changes: [6, 7] })];
  const lines = qualityLines(items, paint, false);
  assert.equal(lines[0], 'v1 to v3, 3 releases by 6 changes');
  assert.deepEqual(lines.slice(-2), [
    '  v2 is #2, #3 and #5: landed together, measured once',
    '  v3 is #6 and #7: landed together, measured once',
  ]);
  const many = Array.from({ length: 8 }, (_, at) => release(at + 1, { changes: [2 * at, 2 * at + 1] }));
  assert.match(
    qualityLines(many, paint, false).slice(-6).join('\n'),
    /^ {2}v4 is #6 and #7[\s\S]*\n {2}3 more releases are/,
  );
  // Of a release whose changes are kept no more, the figures are.
  assert.equal(qualityLines([release(1, { changes: [] })], paint, false)[0], 'v1, 1 release by a change');
});

test('quality prints the figures of an app, and --json what the API says', async () => {
  const items = [release(3, { tests: 7 })];
  const routes = { 'GET /api/v1/apps/blog/quality': () => ({ items }) };
  await withServer(routes, async ({ place }) => {
    const shown = await place.run(['quality', '-a', 'blog']);
    assert.deepEqual([shown.code, shown.err], [0, '']);
    assert.match(shown.out, /^v3, 1 release by a change\n/);
    assert.match(shown.out, /tests +7\n/);
    assert.deepEqual(JSON.parse((await place.run(['quality', '-a', 'blog', '--json'])).out), items);
  })();
});

test('badge prints its addresses, and opens them only when it is told', async () => {
  let isPublic = false;
  const asked: unknown[] = [];
  const routes = {
    'GET /api/v1/apps/blog/badge': () => ({ isPublic }),
    'PATCH /api/v1/apps/blog/badge': () => {
      asked.push('patch');
      isPublic = true;
      return { isPublic };
    },
  };
  await withServer(routes, async ({ place }) => {
    const shown = await place.run(['badge', '-a', 'blog']);
    assert.match(shown.out, /need a token/);
    assert.match(shown.out, /!\[coverage\]\(http[^)]*\/api\/v1\/apps\/blog\/badge\.svg\?metric=coverage\)/);
    assert.deepEqual(asked, []);
    assert.match((await place.run(['badge', '-a', 'blog', '--public'])).out, /anybody may read/);
    assert.deepEqual(asked, ['patch']);
  })();
});
