// The addresses of git over HTTP. Two routes, two services, nothing else: the service decides what right is needed
// (upload-pack reads, receive-pack deploys), never the method.
import { isFailure } from '../domain/errors.ts';
import { type AppName, parseAppName } from '../domain/names.ts';

const gitServices = ['git-upload-pack', 'git-receive-pack'] as const;
export type GitService = (typeof gitServices)[number];
export type GitRoute = { app: AppName; service: GitService; step: 'advertise' | 'exchange' };

/** The route, or null when the address is not one of git's. `url` is the request's path and query. */
export function parseGitRoute(method: string, url: string): GitRoute | null {
  const [path, query = ''] = url.split('?', 2) as [string, string?];
  const match = /^\/([a-z0-9-]+)\.git\/(info\/refs|git-upload-pack|git-receive-pack)$/.exec(path);
  if (!match) return null;
  const app = appOrNull(match[1]!);
  if (app === null) return null;
  if (match[2] === 'info/refs') {
    const services = new URLSearchParams(query).getAll('service');
    const service = gitServices.find((known) => known === services[0]);
    return method === 'GET' && service && services.length === 1 ? { app, service, step: 'advertise' } : null;
  }
  return method === 'POST' ? { app, service: match[2] as GitService, step: 'exchange' } : null;
}

function appOrNull(text: string): AppName | null {
  try {
    return parseAppName(text);
  } catch (error) {
    if (isFailure(error, 'bad-name')) return null;
    throw error;
  }
}
