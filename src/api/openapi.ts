// The OpenAPI 3.1 document, made from the routes and from nothing else: what is declared is what is described.
import { OpenAPIHono, z } from '@hono/zod-openapi';
import { type ErrorCode, errorRegistry } from '../domain/errors.ts';
import { problemSchema, problemType } from './problem.ts';
import type { Route } from './route.ts';

type Registry = OpenAPIHono['openAPIRegistry'];
type Responses = Parameters<Registry['registerPath']>[0]['responses'];

/** The document as an object. */
export function openApiDocument(routes: readonly Route[], version: string): object {
  const maker = new OpenAPIHono();
  const registry = maker.openAPIRegistry;
  registry.registerComponent('securitySchemes', 'bearer', { type: 'http', scheme: 'bearer' });
  registry.registerComponent('securitySchemes', 'basic', {
    type: 'http',
    scheme: 'basic',
    description: 'Any name, with the token as the password',
  });
  for (const route of routes) describe(registry, route);
  return maker.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Lockstep',
      version,
      description:
        'What is on main is what is live. Lists answer `items` and `next`; errors are RFC 9457 problems; long work answers 202 with where to follow it.',
      license: { name: 'MIT' },
    },
    servers: [{ url: '/' }],
  });
}

function describe(registry: Registry, route: Route): void {
  const params =
    [...route.path.matchAll(/\{app\}/g)].length > 0 ? { app: z.string().openapi({ example: 'blog' }) } : {};
  const own = (route.params as z.ZodObject | null)?.shape ?? {};
  const query = (route.query as z.ZodObject).shape;
  const headers = headersOf(route);
  registry.registerPath({
    method: route.method,
    path: route.path,
    operationId: route.id,
    summary: route.summary,
    description: descriptionOf(route),
    security: route.rights.length > 0 ? [{ bearer: [] }, { basic: [] }] : [],
    request: {
      params: z.object({ ...params, ...own }),
      query: z.object(query),
      ...(Object.keys(headers).length > 0 ? { headers: z.object(headers) } : {}),
      ...(route.body
        ? {
            body: {
              content: { 'application/json': { schema: route.body } },
              required: !route.body.safeParse({}).success,
            },
          }
        : {}),
      ...(route.takesBytes
        ? {
            body: {
              description: route.takesBytes,
              content: { 'application/json': { schema: z.record(z.string(), z.unknown()) } },
              required: true,
            },
          }
        : {}),
    },
    responses: { ...answersOf(route), ...problemsOf(route) },
    'x-lockstep-rights': route.rights,
    'x-lockstep-tenancy': route.tenancy,
  });
}

function descriptionOf(route: Route): string {
  const rights = route.rights.length === 0 ? 'No token is needed.' : `Needs the right ${route.rights.join(' and ')}`;
  const further = route.furtherRight ? `, and ${route.furtherRight.right} when ${route.furtherRight.when}` : '';
  return `${rights}${further}${route.rights.length === 0 ? '' : '.'}`;
}

function headersOf(route: Route): Record<string, z.ZodType> {
  const key = z.string().min(1).max(255).optional();
  const last = z.string().optional();
  return {
    ...(route.body
      ? {
          'Idempotency-Key': key.openapi({
            description: 'The same key with the same request gets the first answer again',
          }),
        }
      : {}),
    ...(route.id.endsWith('Events')
      ? { 'Last-Event-ID': last.openapi({ description: 'Go on after this event' }) }
      : {}),
  };
}

/** What holds for every stream. */
const streamRules =
  'A comment line `: beat` comes while nothing happens; `event: error` with a Problem ends a stream that breaks.';

function answersOf(route: Route): Responses {
  const responses: Responses = {};
  for (const [status, { description, schema, contentType }] of Object.entries(route.answers)) {
    const isStreamed = route.events !== null && status === '200';
    responses[status] = {
      description: isStreamed
        ? `${description}. As a stream: ${route.events!.description}. ${streamRules}`
        : description,
      content: {
        ...(schema ? { [contentType ?? 'application/json']: { schema } } : {}),
        ...(isStreamed ? { 'text/event-stream': streamOf(route) } : {}),
      },
      ...(route.location && status !== '200'
        ? { headers: z.object({ Location: z.string().openapi({ description: 'Where to find or follow it' }) }) }
        : {}),
    };
    if (!schema && !isStreamed) delete responses[status].content;
  }
  return responses;
}

/** Server-sent events have no schema of their own in OpenAPI 3.1: what is described is the `data` of each event. */
function streamOf(route: Route) {
  const schemas = Object.values(route.events!.data);
  return {
    schema: schemas.length === 1 ? schemas[0]! : z.union(schemas as [z.ZodType, z.ZodType]),
    'x-lockstep-events': Object.keys(route.events!.data),
  };
}

function problemsOf(route: Route): Responses {
  const codes: ErrorCode[] = ['bad-request', 'internal', ...route.errors];
  if (route.rights.length > 0) codes.push('unauthenticated', 'forbidden');
  if (route.path.includes('{') && !route.takesBytes) codes.push('not-found');
  if (route.tenancy === 'app') codes.push('bad-name');
  if (route.events) codes.push('busy');
  if (route.body) codes.push('too-large', 'idempotency-mismatch');
  if (route.takesBytes) codes.push('too-large');
  const byStatus = Map.groupBy(new Set(codes), (code) => errorRegistry[code].status);
  const responses: Responses = {};
  for (const [status, group] of byStatus) {
    responses[status] = {
      description: group.map((code) => `\`${code}\`: ${errorRegistry[code].title}`).join('; '),
      content: { [problemType]: { schema: problemSchema } },
    };
  }
  return responses;
}
