// Whether a request that failed may go out once more, and where to.
import type { IncomingMessage } from 'node:http';
import { type ProxyParts, pick, type Target } from './admit.ts';
import type { DialFailure } from './dial-outcome.ts';
import type { Framing } from './headers.ts';
import type { LCode } from './l-codes.ts';

const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);
/** Instances that one request is tried at, the first included. */
const mostTries = 3;

/** The code of a failure that stands: an instance that is being stopped did not crash. */
export function codeOf(parts: Pick<ProxyParts, 'lasting'>, { upstream }: Target, { code }: DialFailure): LCode {
  return code === 'L11' && upstream !== null && parts.lasting.isLetGo(upstream.instanceId) ? 'L19' : code;
}

/** Only what means the same when it arrives twice, and has nothing to be read a second time. */
export function isRepeatable(request: IncomingMessage, body: Framing): boolean {
  return idempotent.has(request.method ?? '') && (body === null || body === 0);
}

/**
 * The next target by the routes of this moment (a switch may have come between), or null: not again.
 * @param tried instances that it was sent to, or that could not be reached
 */
export function againAt(
  parts: Pick<ProxyParts, 'routes' | 'stats'>,
  target: Target,
  failure: DialFailure,
  tried: ReadonlySet<string>,
  isRepeatable: boolean,
): Target | null {
  if (failure.reach === 'sent' || target.upstream === null) return null;
  if (failure.reach === 'stale' && !isRepeatable) return null;
  const match = parts.routes.table?.find(target.host);
  if (match?.kind !== 'app' || match.route.appId !== target.app || match.route.state !== 'serving') return null;
  const upstream = pick(match.route, parts.stats, failure.reach === 'unsent' ? tried : new Set());
  // The connection to a retry is fresh, so it is never stale a second time.
  if (failure.reach === 'unsent' && (tried.has(upstream.instanceId) || tried.size >= mostTries)) return null;
  return { ...target, upstream, release: match.route.releaseLabel };
}
