// `lockstep create NAME`: the app, and in a work tree the remote and git's access to it. What would fail half way (no work
// tree, a remote of that name) is refused before anything is made.
import { fail } from '../../domain/errors.ts';
import { parseImageReference } from '../../domain/image-reference.ts';
import { parseAppName, parseBranch, printable } from '../../domain/names.ts';
import { table } from '../present/table.ts';
import { parseRemote, serverKey, withoutUser } from '../server/address.ts';
import type { Session } from '../session.ts';
import { remoteName, type WorkTree } from '../work-tree/work-tree.ts';
import type { AppView } from './views.ts';

/** @throws bad-name, bad-image, bad-request outside of a work tree, conflict for another remote, name-taken */
export async function create(session: Session): Promise<number> {
  const name = parseAppName(session.words[0]!);
  const main = session.text('main');
  const mainBranch = main === undefined ? undefined : parseBranch(main);
  const server = await session.server();
  const image = session.text('image');
  if (image !== undefined) parseImageReference(image);
  // There is nothing to push.
  const workTree = session.has('no-remote') || image !== undefined ? null : await session.workTree();
  if (workTree) {
    await workTree.mustBeWorkTree('Go into one (or make it: git init), or leave the remote out: --no-remote');
    await refuseOtherRemote(workTree, server.url, name);
  }
  const api = await session.api();
  const wanted = { name, ...(mainBranch ? { mainBranch } : {}), ...(image === undefined ? {} : { image }) };
  const app = (await api.send<AppView>('POST', '/api/v1/apps', wanted)).body;
  if (workTree) await workTree.connect(app.gitUrl, server.tokenSource);

  if (session.isJson) {
    session.printJson({ ...app, remote: workTree ? remoteName : null });
    return 0;
  }
  session.print(`${session.paint.green('Created')} ${session.paint.bold(app.name)}`);
  if (app.image !== null) {
    for (const line of table([
      ['  address', session.paint.cyan(app.url)],
      ['  image', app.image],
    ]))
      session.print(line);
    session.note(`Deploy with: lockstep deploy ${app.name}`);
    return 0;
  }
  const rows = [
    ['  address', session.paint.cyan(app.url)],
    ['  git', workTree ? `${app.gitUrl}  (remote ${remoteName})` : app.gitUrl],
    ['  main branch', app.mainBranch ?? 'main or master, whichever is pushed first'],
  ];
  for (const line of table(rows)) session.print(line);
  const branch = app.mainBranch ?? (await workTree?.branch()) ?? 'main';
  session.note(
    workTree
      ? `Deploy with: git push ${remoteName} ${branch}`
      : `In the app's work tree: lockstep remote -a ${app.name}, then: git push ${remoteName} ${branch}`,
  );
  return 0;
}

/** @throws conflict when the remote's name is in use for anything else than this app */
async function refuseOtherRemote(workTree: WorkTree, serverUrl: string, app: string): Promise<void> {
  const existing = await workTree.remoteUrl();
  if (existing === null) return;
  const parsed = parseRemote(existing);
  if (parsed && parsed.app === app && serverKey(parsed.origin) === serverKey(serverUrl)) return;
  throw fail('conflict', `this work tree has a remote "${remoteName}" already: ${printable(withoutUser(existing))}`, {
    advice: `Nothing was made. Remove it (git remote remove ${remoteName}) or leave it alone: --no-remote`,
  });
}
