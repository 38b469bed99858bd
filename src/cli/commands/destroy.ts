// `lockstep destroy`: stops and removes an app. Its name is asked for again at a terminal; without one, --yes must say it.
import { fail } from '../../domain/errors.ts';
import { ask } from '../prompt.ts';
import { parseRemote, serverKey } from '../server/address.ts';
import type { Session } from '../session.ts';
import type { AppView } from './views.ts';

/** @throws bad-request without --yes and a terminal, cancelled for another name, not-found */
export async function destroy(session: Session): Promise<number> {
  const [name, server, api] = [await session.app(), await session.server(), await session.api()];
  const volumes = session.has('volumes');
  const app = await api.get<AppView>(`/api/v1/apps/${name}`);
  if (!session.has('yes')) await confirm(session, name, volumes);
  await api.send('DELETE', `/api/v1/apps/${name}${volumes ? '?volumes=true' : ''}`);
  const workTree = await session.workTree();
  const remote = parseRemote((await workTree.remoteUrl()) ?? '');
  const isOurs = remote !== null && remote.app === name && serverKey(remote.origin) === serverKey(server.url);
  if (isOurs) await workTree.disconnect(app.gitUrl);
  if (session.isJson) session.printJson({ destroyed: name, volumes });
  else
    session.print(`${name} is gone${volumes ? ', with its volumes' : '; its volumes are still on the server’s disk'}`);
  return 0;
}

async function confirm(session: Session, name: string, volumes: boolean): Promise<void> {
  if (session.io.stdin.isTTY !== true) {
    throw fail('bad-request', `destroying ${name} must be confirmed`, {
      advice: `Nothing was removed. Say it with: lockstep destroy -a ${name} --yes`,
    });
  }
  const what = volumes ? 'the app, its releases and the files in its volumes' : 'the app and its releases';
  const answer = await ask(session.io, `This removes ${what}. Type ${name} to go on: `, false);
  if (answer !== name) throw fail('cancelled', `that is not "${name}": nothing was removed`);
}
