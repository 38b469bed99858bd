// What the router is told: any JSON is a snapshot in its one normal form, or bad-request with a path. Nothing else is thrown.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anyJson, fc, holds, mutated, parsedOrRefused } from '../../test/support/fuzz.ts';
import { routeTable } from './match.ts';
import { parseSnapshot } from './snapshot-parse.ts';
import { routeOf, snapshotOf } from './test-router.ts';

const upstream = (instanceId: string, port: number) => ({ instanceId, host: '127.0.0.1', port }) as never;
const valid = snapshotOf(7, [
  routeOf({ upstreams: [upstream('ins_a', 4001), upstream('ins_b', 4002)] }),
  routeOf({
    appId: 'app_shop' as never,
    name: 'shop',
    hosts: ['shop.localhost', 'shop.example.com'],
    releaseLabel: null,
  }),
]);
const keys = ['protocol', 'generation', 'routes', 'hosts', 'upstreams', 'host', 'port', 'state', 'appId', 'name'];

function check(input: unknown): void {
  const parsed = parsedOrRefused(() => parseSnapshot(input), 'bad-request');
  if (parsed === null) return;
  const text = JSON.stringify(parsed.value);
  assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(input)), 'it says something else than what came');
  assert.equal(JSON.stringify(parseSnapshot(JSON.parse(text))), text, 'it has two normal forms');
  const table = routeTable(parsed.value);
  for (const route of parsed.value.routes)
    for (const host of route.hosts) assert.equal((table.find(host) as { route: unknown }).route, route);
}

test('a snapshot with any of its places changed is one that means what it says, or bad-request', () => {
  holds(
    mutated(valid, fc.oneof(anyJson(keys), fc.constantFrom('ins_a', 'shop.localhost', 'A.b', '::1', 65_536))),
    4000,
    check,
    [
      { ...valid, protocol: { toString: 1 } },
      { ...valid, protocol: JSON.parse('{"__proto__":null}') },
      JSON.parse('{"__proto__":{"protocol":1}}'),
    ],
  );
});

test('no JSON at all makes the reader throw anything else', () => {
  holds(anyJson(keys), 2000, check);
});
