import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from '@hono/zod-openapi';
import { createApi } from './api.ts';
import { createFakePlatform } from './fake.ts';
import { noQuery } from './fields.ts';
import { type RouteSpec, route } from './route.ts';

test('a route that is not declared whole stops the boot', () => {
  const whole = {
    id: 'getX',
    method: 'get',
    path: '/api/v1/x',
    summary: 'x',
    right: 'read',
    tenancy: 'team',
    query: noQuery,
    answers: { 200: { description: 'x', schema: null } },
    errors: [],
    handle: () => ({ status: 200, body: {} }),
  } as unknown as RouteSpec<'read', 'team', z.ZodType, z.ZodType, z.ZodType>;
  const check = (change: Record<string, unknown>, problem: RegExp) =>
    assert.throws(() => route({ ...whole, ...change }), problem);
  check({ right: undefined }, /no right/);
  check({ right: 'root' }, /no right/);
  check({ right: [] }, /no right/);
  check({ tenancy: undefined }, /no tenancy/);
  check({ right: 'none' }, /no tenant/);
  check({ path: '/api/v1/apps/{app}' }, /belong together/);
  check({ tenancy: 'app' }, /belong together/);
  check({ path: '/api/v1/x/{y}' }, /parameters and their schema/);
  check({ params: z.object({ y: z.string() }) }, /parameters and their schema/);
  check({ method: 'post' }, /body schema/);
  check({ body: noQuery }, /body schema/);
  check({ query: undefined }, /query/);
  check({ answers: {} }, /no answer/);
  check({ errors: ['oops'] }, /errors/);
  check({ handle: undefined }, /no handler/);
  const fake = createFakePlatform();
  const twice = [route(whole), route(whole)];
  assert.throws(() => createApi({ platform: fake, version: '0', log: { error: () => {} }, routes: twice }), /twice/);
});
