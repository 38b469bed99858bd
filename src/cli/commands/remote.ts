// `lockstep remote`: gives the work tree that one stands in the remote of an app that exists (a clone, another machine).
import { fail } from '../../domain/errors.ts';
import { parseAppName } from '../../domain/names.ts';
import type { Session } from '../session.ts';
import { remoteName } from '../work-tree/work-tree.ts';
import { refuseOtherRemote } from './create.ts';
import type { AppView } from './views.ts';

/** @throws not-found, conflict for a remote of another app */
export async function remote(session: Session): Promise<number> {
  const given = session.text('app');
  if (given === undefined) throw fail('bad-request', 'which app?', { advice: 'Name it: lockstep remote -a NAME' });
  const name = parseAppName(given);
  const [server, workTree, api] = await Promise.all([session.server(), session.workTree(), session.api()]);
  await workTree.mustBeWorkTree('Go into one, or make it: git init');
  await refuseOtherRemote(workTree, server.url, name);
  const app = await api.get<AppView>(`/api/v1/apps/${name}`);
  await workTree.connect(app.gitUrl, server.tokenSource);
  if (session.isJson) session.printJson({ ...app, remote: remoteName });
  else session.print(`remote ${remoteName} is ${app.gitUrl}`);
  return 0;
}
