// Addresses of servers and of an app's repository, compared by what they mean: loopback's names are one host.
import { fail } from '../../domain/errors.ts';
import { printable } from '../../domain/names.ts';

/**
 * A server's address in its normal form: `http://host:port`, no path.
 * @throws bad-request for what is not http(s), and for a password in the address
 */
export function parseServerUrl(text: string): string {
  const advice = 'Give it like this: http://127.0.0.1:8080 or https://lockstep.example.org';
  const url = URL.parse(text.includes('://') ? text : `http://${text}`);
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw fail('bad-request', `"${printable(text)}" is not a server's address`, { advice });
  }
  if (url.username || url.password) {
    throw fail('bad-request', 'a server’s address holds no user or token', { advice });
  }
  return url.origin;
}

/** Equal for two addresses of the same server. */
export function serverKey(origin: string): string {
  const url = new URL(origin);
  const isLoopback = /^(?:(?:.*\.)?localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname);
  return `${url.protocol}//${isLoopback ? 'loopback' : url.hostname}:${url.port || (url.protocol === 'https:' ? 443 : 80)}`;
}

/** True when nothing between here and the server should see the traffic, a proxy least of all. */
export function isLoopback(origin: string): boolean {
  return serverKey(origin).split('/')[2]!.startsWith('loopback:');
}

/** An address to show: without a user and password. */
export function withoutUser(text: string): string {
  return text.replace(/\/\/[^/@]*@/, '//');
}

/** Server and app of a git remote such as `http://127.0.0.1:8080/blog.git`; null when it is not of that form. */
export function parseRemote(text: string): { origin: string; app: string } | null {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol)) return null;
  const match = /^\/(?:git\/)?([^/]+?)(?:\.git)?\/?$/.exec(url.pathname);
  return match ? { origin: url.origin, app: match[1]! } : null;
}
