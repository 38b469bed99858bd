// `lockstep whoami`: which server, and what the token may do there.
import type { Session } from '../session.ts';

/** Asks the server. @throws unauthenticated */
export async function whoami(session: Session): Promise<number> {
  const api = await session.api();
  const me = await api.get<{ name: string; rights: string[]; apps: string[] | null }>('/api/v1/me');
  if (session.isJson) session.printJson({ url: api.url, ...me });
  else
    session.print(`${me.name} at ${api.url}: ${me.rights.join(', ')} on ${me.apps ? me.apps.join(', ') : 'every app'}`);
  return 0;
}
