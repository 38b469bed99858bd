// `lockstep push [REF]`: git push of HEAD (or REF) to the app's main branch, with git's own output and exit code. By the
// remote when it is the app's, else by its address; the token comes from the credential helper either way.
import { fail } from '../../domain/errors.ts';
import { parseBranch, printable } from '../../domain/names.ts';
import { parseRemote, serverKey } from '../server/address.ts';
import type { Session } from '../session.ts';
import { remoteName } from '../work-tree/work-tree.ts';
import type { AppView } from './views.ts';

/** Resolves with git's exit code. @throws bad-request outside of a work tree, bad-ref */
export async function push(session: Session): Promise<number> {
  const ref = session.words[0] ?? 'HEAD';
  if (!/^[A-Za-z0-9_][^\s:+^~?*[\\]*$/.test(ref) || ref.includes('..')) {
    throw fail('bad-ref', `"${printable(ref)}" is not a branch, tag or commit`, { advice: 'Push HEAD: lockstep push' });
  }
  const workTree = await session.workTree();
  await workTree.mustBeWorkTree('Go into the app’s work tree.');
  const [name, server, api] = await Promise.all([session.app(), session.server(), session.api()]);
  const app = await api.get<AppView>(`/api/v1/apps/${name}`);
  const branch = app.mainBranch ?? firstMain(await workTree.branch());
  const existing = await workTree.remoteUrl();
  const parsed = existing === null ? null : parseRemote(existing);
  const isOurs = parsed?.app === name && serverKey(parsed.origin) === serverKey(server.url);
  const target = isOurs ? remoteName : app.gitUrl;
  const origin = isOurs && parsed ? parsed.origin : new URL(app.gitUrl).origin;
  return workTree.push(target, origin, server.tokenSource, `${ref}:refs/heads/${parseBranch(branch)}`);
}

/** The first push decides between main and master; from any other branch it goes to main. */
function firstMain(current: string | null): string {
  return current === 'master' ? 'master' : 'main';
}
