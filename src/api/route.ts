// The one way to declare a route. A declaration says who may ask (`right`, 'none' in so many words), whose things it
// touches (`tenancy`) and the shape of everything that goes in and comes out. What lacks one of these, or contradicts
// itself, throws at import: the server refuses to boot with it.
import type { z } from '@hono/zod-openapi';
import { type App, type Principal, type Right, rights } from '../domain/app.ts';
import { type ErrorCode, errorRegistry } from '../domain/errors.ts';
import type { Answer } from './answer.ts';
import type { Platform } from './platform.ts';

/** `app`: one app, named in the path. `team`: the principal's team. `none`: nobody's things. */
const tenancies = ['app', 'team', 'none'] as const;
export type Tenancy = (typeof tenancies)[number];

/** One right, several that are all needed, or 'none': anybody, without a token. */
export type Needs = 'none' | Right | readonly [Right, Right, ...Right[]];

/** What handlers reach besides the request. */
export type Door = {
  platform: Platform;
  version: string;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** The OpenAPI document as JSON text. */
  openApi: () => string;
};

/** A request that has passed the policy and been parsed. */
export type Asked<N extends Needs = Needs, T extends Tenancy = Tenancy, P = unknown, Q = unknown, B = unknown> = {
  principal: N extends 'none' ? null : Principal;
  app: T extends 'app' ? App : null;
  params: P;
  query: Q;
  body: B;
  /** The client asked for `text/event-stream`. */
  wantsStream: boolean;
  lastEventId: string | null;
  ifNoneMatch: string | null;
  /** Of a route that takes bytes: what came, and its headers by their lower-case names. */
  sent: { bytes: Buffer; header: (name: string) => string | null };
  /** Aborts when the client has gone. */
  signal: AbortSignal;
};

export type RouteSpec<
  N extends Needs,
  T extends Tenancy,
  P extends z.ZodType,
  Q extends z.ZodType,
  B extends z.ZodType,
> = {
  /** The operation's id: unique, camelCase. */
  id: string;
  method: 'get' | 'post' | 'patch' | 'delete';
  /** With `{name}` for parameters. */
  path: string;
  summary: string;
  right: N;
  /** A further right that some requests need, decided from what they ask for. */
  furtherRight?: {
    right: Right;
    when: string;
    isNeeded: (input: { query: z.output<Q>; body: z.output<B> }) => boolean;
  };
  tenancy: T;
  /** The last parameter takes the rest of the path, with its "/". */
  rest?: string;
  /** Who asks when nobody says who: somebody that may read this app, because its owner said so; null: nobody. */
  anyone?: (platform: Platform, app: string) => Principal | null;
  /** The path's parameters besides `{app}`. */
  params?: P;
  /** `noQuery` of fields.ts when it takes none. */
  query: Q;
  body?: B;
  /** The body is taken as it is, of whatever content type, and the handler proves and reads it: in words, what may come. */
  takesBytes?: string;
  answers: Readonly<Record<number, { description: string; schema: z.ZodType | null; contentType?: string }>>;
  /** For routes that stream: the data of each kind of event. */
  events?: { description: string; data: Readonly<Record<string, z.ZodType>> };
  /** Codes beyond those that every route of its kind may answer. */
  errors: readonly ErrorCode[];
  /** The `Location` of an answer's body. */
  location?: (body: never) => string | null;
  /** What of the body an idempotency key keeps; all of it by default. */
  kept?: (body: never) => unknown;
  handle: (asked: Asked<N, T, z.output<P>, z.output<Q>, z.output<B>>, door: Door) => Answer | Promise<Answer>;
};

/** A declared route, its types checked and forgotten. */
export type Route = Readonly<{
  id: string;
  method: 'get' | 'post' | 'patch' | 'delete';
  path: string;
  summary: string;
  rights: readonly Right[];
  furtherRight: { right: Right; when: string; isNeeded: (input: { query: unknown; body: unknown }) => boolean } | null;
  tenancy: Tenancy;
  rest: string | null;
  anyone: ((platform: Platform, app: string) => Principal | null) | null;
  params: z.ZodType | null;
  query: z.ZodType;
  body: z.ZodType | null;
  takesBytes: string | null;
  answers: RouteSpec<Needs, Tenancy, z.ZodType, z.ZodType, z.ZodType>['answers'];
  events: { description: string; data: Readonly<Record<string, z.ZodType>> } | null;
  errors: readonly ErrorCode[];
  location: ((body: unknown) => string | null) | null;
  kept: ((body: unknown) => unknown) | null;
  handle: (asked: Asked, door: Door) => Answer | Promise<Answer>;
}>;

/**
 * Declares a route.
 * @throws Error naming every contradiction: no right, no tenancy, a path parameter without a schema, …
 */
export function route<
  const N extends Needs,
  const T extends Tenancy,
  P extends z.ZodType,
  Q extends z.ZodType,
  B extends z.ZodType,
>(spec: RouteSpec<N, T, P, Q, B>): Route {
  const problems = contradictions(spec as unknown as LooseSpec);
  if (problems.length > 0) {
    throw new Error(`the route ${spec.method} ${spec.path} is not declared whole: ${problems.join('; ')}`);
  }
  return Object.freeze({
    id: spec.id,
    method: spec.method,
    path: spec.path,
    summary: spec.summary,
    rights: (spec.right === 'none' ? [] : [spec.right].flat()) as readonly Right[],
    furtherRight: (spec.furtherRight ?? null) as Route['furtherRight'],
    tenancy: spec.tenancy,
    rest: spec.rest ?? null,
    anyone: spec.anyone ?? null,
    params: spec.params ?? null,
    query: spec.query,
    body: spec.body ?? null,
    takesBytes: spec.takesBytes ?? null,
    answers: spec.answers,
    events: spec.events ?? null,
    errors: spec.errors,
    location: (spec.location ?? null) as Route['location'],
    kept: (spec.kept ?? null) as Route['kept'],
    handle: spec.handle as unknown as Route['handle'],
  });
}

type LooseSpec = Partial<Record<keyof RouteSpec<Needs, Tenancy, z.ZodType, z.ZodType, z.ZodType>, unknown>> & {
  path: string;
  method: string;
};

function contradictions(spec: LooseSpec): string[] {
  const known: readonly unknown[] = rights;
  const needs = [spec.right].flat();
  const isOpen = spec.right === 'none';
  const names = [...spec.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!);
  const others = names.filter((name) => name !== 'app');
  const described = Object.keys((spec.params as { shape?: object } | undefined)?.shape ?? {});
  const takesBody = spec.method === 'post' || spec.method === 'patch';
  const rules: [boolean, string][] = [
    [typeof spec.id === 'string' && /^[a-z][A-Za-z]+$/.test(spec.id), 'it has no id'],
    [isOpen || (needs.length > 0 && needs.every((right) => known.includes(right))), 'it names no right (or "none")'],
    [(tenancies as readonly unknown[]).includes(spec.tenancy), 'it names no tenancy'],
    [!isOpen || spec.tenancy === 'none', 'without a token there is no tenant'],
    [names.includes('app') === (spec.tenancy === 'app'), 'tenancy "app" and {app} in the path belong together'],
    [others.sort().join() === described.sort().join(), 'its path parameters and their schema differ'],
    [
      takesBody === (spec.body !== undefined || spec.takesBytes !== undefined),
      'POST and PATCH have a body schema (or take bytes), others have none',
    ],
    [spec.body === undefined || spec.takesBytes === undefined, 'a body is parsed, or taken as it is'],
    [spec.query !== undefined, 'it says nothing of its query'],
    [Object.keys((spec.answers as object | undefined) ?? {}).length > 0, 'it describes no answer'],
    [Array.isArray(spec.errors) && spec.errors.every((code) => code in errorRegistry), 'it does not list its errors'],
    [spec.rest === undefined || spec.path.endsWith(`{${String(spec.rest)}}`), 'the rest of a path is at its end'],
    [typeof spec.handle === 'function', 'it has no handler'],
  ];
  return rules.filter(([holds]) => !holds).map(([, problem]) => problem);
}
