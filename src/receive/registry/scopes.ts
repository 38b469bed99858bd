// What a request to a registry is about, and what it needs, by the addresses of the distribution specification. Pure. A repository of ours is
// named by its app: `web`, or whatever lies below `web/`. Anything that is not of the specification is nothing.
import { parseDigest, parsePath, parseTag } from '../../domain/image-reference.ts';
import { appOfRepository } from '../../domain/own-image.ts';

export const registryActions = ['pull', 'push', 'delete'] as const;
export type RegistryAction = (typeof registryActions)[number];

export type RegistryRequest =
  /** Is there a registry, and am I known to it? */
  | { kind: 'base' }
  /** Where a token is got. */
  | { kind: 'token' }
  /** What the registry itself tells. */
  | { kind: 'notice' }
  | {
      kind: 'repository';
      /** The repository, and the app that it is of. */
      name: string;
      app: string;
      action: RegistryAction;
      /** What the registry itself wants a token to allow. */
      asks: readonly RegistryAction[];
      /** The tag that this request would set; null: it sets none. */
      tag: string | null;
      /** The repository that a blob would be mounted from; null: none. */
      from: string | null;
    };

/** No repository is named so. */
export const noticePath = '/v2/_notices';

const actions: Readonly<Record<string, RegistryAction>> = {
  ...{ GET: 'pull', HEAD: 'pull', POST: 'push', PUT: 'push', PATCH: 'push', DELETE: 'delete' },
};

const pushes: readonly RegistryAction[] = ['pull', 'push'];
const askedBy: Readonly<Record<string, readonly RegistryAction[]>> = {
  ...{ GET: ['pull'], HEAD: ['pull'], POST: pushes, PUT: pushes, PATCH: pushes, DELETE: ['delete'] },
};

/** null: no address of a registry. */
export function registryRequest(method: string, url: string): RegistryRequest | null {
  const at = url.indexOf('?');
  const path = at < 0 ? url : url.slice(0, at);
  if (path === '/v2' || path === '/v2/') return method === 'GET' || method === 'HEAD' ? { kind: 'base' } : null;
  // Clients that would POST a form ask by GET when that is not there.
  if (path === '/v2/token') return method === 'GET' ? { kind: 'token' } : null;
  if (path === noticePath) return method === 'POST' ? { kind: 'notice' } : null;
  const action = actions[method];
  const [, name, what, reference] =
    /^\/v2\/(.+)\/(manifests|blobs|tags)\/([A-Za-z0-9._:=/-]{1,600})$/.exec(
      path.endsWith('/') ? path.slice(0, -1) : path,
    ) ?? [];
  if (action === undefined || name === undefined || reference === undefined || parsePath(name) === null) return null;
  if (!isOfSpecification(what!, reference)) return null;
  const query = new URLSearchParams(at < 0 ? '' : url.slice(at + 1));
  const from = query.get('from');
  if (from !== null && parsePath(from) === null) return null;
  const tag = what === 'manifests' && method === 'PUT' && parseDigest(reference) === null ? reference : null;
  // An upload is asked about, and given up, by who pushes.
  const isUpload = what === 'blobs' && reference.startsWith('uploads/');
  return {
    kind: 'repository',
    name,
    app: appOfRepository(name),
    action: isUpload ? 'push' : action,
    asks: askedBy[method]!,
    tag,
    from,
  };
}

function isOfSpecification(what: string, reference: string): boolean {
  if (what === 'tags') return reference === 'list';
  if (what === 'manifests') return parseDigest(reference) !== null || parseTag(reference) !== null;
  return parseDigest(reference) !== null || /^uploads(?:\/[A-Za-z0-9_.=-]+)?$/.test(reference);
}

export type Scope = { name: string; actions: readonly RegistryAction[] };

const mostScopes = 20;

/** `repository:web:pull,push`, as often as it is asked; what is of another form is left out. */
export function parseScopes(values: readonly string[]): Scope[] {
  const scopes = values.flatMap((value) => value.split(' ')).slice(0, mostScopes);
  return scopes.flatMap((scope) => {
    const [, name, words] = /^repository:([^:]{1,255}):([a-z*,]{1,100})$/.exec(scope) ?? [];
    if (name === undefined || parsePath(name) === null) return [];
    const asked = words!.split(',');
    return [{ name, actions: registryActions.filter((one) => asked.includes(one) || asked.includes('*')) }];
  });
}

export const scopeText = (name: string, action: RegistryAction): string =>
  `repository:${name}:${action === 'push' ? 'pull,push' : action}`;
