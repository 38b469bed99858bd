// What the router is told: any JSON is a snapshot in its one normal form, or bad-request with a path. Nothing else is thrown.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anyJson, fc, holds, mutated, parsedOrRefused } from '../../test/support/fuzz.ts';
import type { RouteSnapshot } from '../domain/route.ts';
import { routeTable } from './match.ts';
import { parseSnapshot, patchSnapshot } from './snapshot-parse.ts';
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

test('a change that gives an instance to a second route is refused; one that moves it is not', () => {
  const route = (name: string, ...ids: string[]) =>
    routeOf({ appId: `app_${name}` as never, hosts: [`${name}.test`], upstreams: ids.map((id) => upstream(id, 1)) });
  const first = snapshotOf(1, [route('a', 'x'), route('b', 'y'), route('c')]);
  const change = (present: RouteSnapshot, ...items: [number, ReturnType<typeof route>][]) =>
    patchSnapshot(present, JSON.stringify({ head: { generation: present.generation + 1 }, items }));
  const twice = { code: 'bad-request', message: /is there twice/ };
  assert.throws(() => change(first, [2, route('c', 'x')]), twice);
  assert.throws(() => change(first, [2, route('c', 'z', 'z')]), twice);
  assert.throws(() => change(first, [0, route('a', 'z')], [2, route('c', 'z')]), twice);
  const moved = change(first, [0, route('a')], [2, route('c', 'x')]);
  assert.deepEqual(moved, snapshotOf(2, [route('a'), route('b', 'y'), route('c', 'x')]));
  assert.throws(() => change(moved, [1, route('b', 'x')]), twice);
  assert.equal(change(moved, [1, route('b')], [0, route('a', 'y')]).routes[0]!.upstreams.length, 1);
  assert.equal(change(first, [2, route('c', 'z')]).generation, 2, 'what was refused or went elsewhere changed nothing');
});
