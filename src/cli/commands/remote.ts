// `lockstep remote`: gives the work tree that one stands in the remote of an app that exists (a clone, another
// machine, a server whose address changed).
import { fail } from '../../domain/errors.ts';
import { parseAppName, printable } from '../../domain/names.ts';
import { parseRemote, serverKey, withoutUser } from '../server/address.ts';
import type { Session } from '../session.ts';
import { remoteName } from '../work-tree/work-tree.ts';
import type { AppView } from './views.ts';

/** A remote of the same app at an old address is replaced. @throws not-found, conflict for a remote of anything else */
export async function remote(session: Session): Promise<number> {
  const given = session.text('app');
  if (given === undefined) throw fail('bad-request', 'which app?', { advice: 'Name it: lockstep remote -a NAME' });
  const name = parseAppName(given);
  const [server, workTree, api] = await Promise.all([session.server(), session.workTree(), session.api()]);
  await workTree.mustBeWorkTree('Go into one, or make it: git init');
  const existing = await workTree.remoteUrl();
  const parsed = existing === null ? null : parseRemote(existing);
  if (existing !== null && parsed?.app !== name) {
    throw fail('conflict', `the remote "${remoteName}" is of something else: ${printable(withoutUser(existing))}`, {
      advice: `If it may go: git remote remove ${remoteName}`,
    });
  }
  const app = await api.get<AppView>(`/api/v1/apps/${name}`);
  // The same app at another address: the server moved, or its port changed.
  if (parsed && serverKey(parsed.origin) !== serverKey(new URL(app.gitUrl).origin)) {
    await workTree.disconnect(existing!);
  }
  await workTree.connect(app.gitUrl, server.tokenSource);
  if (session.isJson) session.printJson({ ...app, remote: remoteName });
  else session.print(`remote ${remoteName} is ${app.gitUrl}`);
  return 0;
}
