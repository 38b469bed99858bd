// `lockstep merge [BRANCH]`: asks for the branch to be merged into main. It is bound to the commit: when the branch here is not what the
// server has, it must be pushed first. Without --wait the request goes on by itself.
import { fail } from '../../domain/errors.ts';
import { type BranchName, parseBranch, printable } from '../../domain/names.ts';
import { finish } from '../finish.ts';
import { safeLine, short } from '../present/text.ts';
import type { Started } from '../server/follow-progress.ts';
import type { Session } from '../session.ts';
import type { ChangeView } from './views.ts';

type MergeCheckView = {
  mergeable: 'yes' | 'no' | 'unknown';
  reason: string | null;
  conflicts: string[];
  verdict: { checks: { name: string; outcome: string; summary: string; findings: FindingView[] }[] } | null;
};
type FindingView = { file: string | null; line: number | null; rule: string; message: string };
type MergeView = ChangeView & { source: string | null; priority: string };

/** @throws bad-request, bad-ref, not-found, conflict, no-release */
export async function merge(session: Session): Promise<number> {
  const priority = session.text('priority') ?? 'normal';
  if (!['normal', 'hotfix'].includes(priority))
    throw fail('bad-request', `"${printable(priority)}" is no priority`, { advice: 'It is normal or hotfix.' });
  const branch = await branchOf(session);
  if (session.has('cancel')) return cancel(session, branch);
  const weaker = session.has('allow-weaken') ? { allowWeaken: true } : {};
  const wanted = { branch, ...(await headHere(session, branch)), ...weaker };
  if (session.has('dry-run')) return dryRun(session, wanted);
  return ask(session, { ...wanted, priority }, `merged ${branch}`, session.has('wait'));
}

/** `lockstep land [BRANCH] --override REASON`: an admin lands it without the checks; it is built and started all the same. */
export async function land(session: Session): Promise<number> {
  const override = session.text('override');
  if (override === undefined)
    throw fail('bad-request', 'why without the checks? There is no --override REASON', {
      advice: 'With the checks it is: lockstep merge',
    });
  const branch = await branchOf(session);
  return ask(session, { branch, ...(await headHere(session, branch)), override }, `landed ${branch}, overridden`, true);
}

async function ask(session: Session, body: object, how: string, isFollowed: boolean): Promise<number> {
  const app = await session.app();
  const sentAt = performance.now();
  const { body: started } = await (await session.api()).send<Started>('POST', `/api/v1/apps/${app}/merges`, body);
  if (isFollowed) return finish(session, { verb: 'merge', how, started, sentAt });
  if (session.isJson) session.printJson(started);
  else session.print(`it waits for its gate (${started.id}): lockstep changes shows what becomes of it`);
  return 0;
}

async function cancel(session: Session, branch: BranchName): Promise<number> {
  const app = await session.app();
  const api = await session.api();
  const { items } = await api.get<{ items: MergeView[] }>(`/api/v1/apps/${app}/merges`);
  const found = items.filter(({ source }) => source === branch);
  if (found.length === 0)
    throw fail('not-found', `nobody has asked for ${branch} to be merged, or it has ended`, {
      advice: 'See: lockstep changes',
    });
  for (const { id } of found) await api.send('DELETE', `/api/v1/apps/${app}/merges/${id}`);
  if (session.isJson) session.printJson(found.map(({ id }) => id));
  else session.print(found.map(({ number }) => `change #${number} is cancelled`).join('\n'));
  return 0;
}

/** Exit 0 only when it would land. */
async function dryRun(session: Session, wanted: object): Promise<number> {
  const app = await session.app();
  const sent = { ...wanted, dryRun: true };
  const { body } = await (await session.api()).send<MergeCheckView>('POST', `/api/v1/apps/${app}/merges`, sent);
  if (session.isJson) session.printJson(body);
  else {
    session.print(`mergeable: ${body.mergeable}${body.reason === null ? '' : `, ${safeLine(body.reason)}`}`);
    for (const check of body.verdict?.checks ?? [])
      for (const { file, line, rule, message } of check.findings)
        session.print(`  ${safeLine(`${file ?? ''}${line === null ? '' : `:${line}`} ${rule}: ${message}`)}`);
  }
  return body.mergeable === 'yes' ? 0 : 1;
}

async function branchOf(session: Session): Promise<BranchName> {
  const given = session.words[0];
  if (given !== undefined) return parseBranch(given);
  const current = await (await session.workTree()).branch().catch(() => null);
  if (current === null)
    throw fail('bad-request', 'which branch? None is checked out here', { advice: 'Name it: lockstep merge BRANCH' });
  return parseBranch(current);
}

/** What the branch is here, when it is here: the request is about that commit. */
async function headHere(session: Session, branch: BranchName): Promise<{ head?: string }> {
  const head = await (await session.workTree()).headOf(branch);
  if (head === null) return {};
  session.note(`${branch} is ${short(head)} here`);
  return { head };
}
