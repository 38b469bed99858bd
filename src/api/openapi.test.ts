import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { createApi } from './api.ts';
import { createFakePlatform } from './fake.ts';
import { openApiDocument } from './openapi.ts';
import { routes } from './routes.ts';

type Operation = {
  operationId: string;
  security: unknown[];
  parameters?: { name: string; in: string; schema: object }[];
  requestBody?: { content: Record<string, unknown> };
  responses: Record<string, { description: string; content?: Record<string, unknown> }>;
};
type Document = {
  openapi: string;
  info: { version: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, unknown>; securitySchemes: Record<string, { type: string }> };
};

const root = dirname(dirname(import.meta.dirname));
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
const document = openApiDocument(routes, version) as Document;
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);

test('every route is in the document, and nothing else is', () => {
  const inDocument = operations.map(({ path, method }) => `${method} ${path}`).sort();
  assert.deepEqual(inDocument, routes.map((route) => `${route.method} ${route.path}`).sort());
  const ids = operations.map(({ operation }) => operation.operationId);
  assert.equal(new Set(ids).size, ids.length);
});

test('every registered handler is one of the routes', () => {
  const { app } = createApi({ platform: createFakePlatform(), version, log: { error: () => {} } });
  const registered = app.routes
    .filter(({ method }) => method !== 'ALL')
    .map(({ method, path }) => `${method.toLowerCase()} ${path.replaceAll(/:(\w+)(?:\{\.\+\})?/g, '{$1}')}`);
  assert.deepEqual(registered.sort(), routes.map((route) => `${route.method} ${route.path}`).sort());
});

test('the document is OpenAPI 3.1 with security, problems and streams, and every reference leads somewhere', () => {
  assert.match(document.openapi, /^3\.1\./);
  assert.deepEqual(Object.keys(document.components.securitySchemes).sort(), ['basic', 'bearer']);
  for (const { path, method, operation } of operations) {
    const route = routes.find((one) => one.path === path && one.method === method)!;
    const where = `${method} ${path}`;
    assert.equal(operation.security.length, route.rights.length > 0 ? 2 : 0, where);
    const named = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
    const inPath = operation.parameters?.filter((one) => one.in === 'path').map((one) => one.name) ?? [];
    assert.deepEqual(inPath, named, where);
    for (const status of Object.keys(route.answers)) assert.ok(operation.responses[status], `${where} ${status}`);
    if (route.rights.length > 0) assert.ok(operation.responses[401] && operation.responses[403], where);
    for (const [status, response] of Object.entries(operation.responses))
      if (Number(status) >= 400) assert.deepEqual(Object.keys(response.content!), ['application/problem+json'], where);
    assert.equal(operation.requestBody !== undefined, route.body !== null || route.takesBytes !== null, where);
    assert.equal('text/event-stream' in (operation.responses[200]?.content ?? {}), route.events !== null, where);
  }
  for (const [reference, name] of JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g))
    assert.ok(document.components.schemas[name!], reference);
});

test('the document that is served is the one that is made', async () => {
  const { app } = createApi({ platform: createFakePlatform(), version, log: { error: () => {} } });
  const response = await app.request('/api/v1/openapi.json');
  assert.equal(response.headers.get('content-type'), 'application/json');
  assert.deepEqual(await response.json(), JSON.parse(JSON.stringify(document)));
});

test('docs/api/openapi.json is fresh', () => {
  const kept = JSON.parse(readFileSync(join(root, 'docs', 'api', 'openapi.json'), 'utf8')) as unknown;
  assert.deepEqual(
    kept,
    JSON.parse(JSON.stringify(document)),
    'stale: run `node scripts/bootstrap.js scripts/openapi.ts`',
  );
});
