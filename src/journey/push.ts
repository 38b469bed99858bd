// A push, judged: what git hands over goes to the gate when it is the app's main branch, is stored and checked when it is another
// one (`queue/push-branch.ts`), and is refused with what to do otherwise.
import type { App } from '../domain/app.ts';
import { diskFailure } from '../domain/disk-failure.ts';
import type { CommitId, TokenId } from '../domain/ids.ts';
import { type BranchName, branchOfRef, parseBranch } from '../domain/names.ts';
import { candidateLine } from '../gate/messages.ts';
import type { WeakenAsked } from '../gate/policy/weakening.ts';
import { branchRef } from '../git/argv.ts';
import type { Repository } from '../git/repository.ts';
import { carryOut } from '../journey.ts';
import type { Push, RefCommand, RefVerdict } from '../receive/proc-receive.ts';
import { inTransaction } from '../store/open.ts';
import { liveRelease } from '../store/releases.ts';
import { appendEvent } from '../store/transition.ts';
import { measuredBase } from './queue/measured-base.ts';
import { afterStoring, type BranchPush, mostChecked, pushFor, storeBranches, wishesOf } from './queue/push-branch.ts';
import { readCandidate } from './reading.ts';
import { receiveChange } from './receive-change.ts';
import type { Asker, ChangeEnd } from './running-change.ts';
import { eventOf, mainlineOf, nowMs, type World } from './world.ts';

export type Pusher = {
  actor: string;
  /** Left out: it is no token's. */
  tokenId?: TokenId | null;
  /** When the request arrived, and with it git's first byte. */
  requestedAtMs: number;
  /** Reads the app again: a push before this one may have decided its main branch. */
  findApp(): App | null;
  /** False once the token was revoked, has expired or was narrowed: then nothing lands. */
  mayPush(): boolean;
  /** It has the admin right; left out: it has not. */
  isAdmin?(): boolean;
};

/** `git push -o allow-weaken` */
export function weakenAsked(push: Pick<Push, 'options'>, pusher: Pick<Pusher, 'isAdmin'>): WeakenAsked {
  if (!push.options.includes('allow-weaken')) return 'not';
  return pusher.isAdmin?.() ? 'by an admin' : 'without the right';
}

const accepted: RefVerdict = { isAccepted: true };
const refused = (reason: string): RefVerdict => ({ isAccepted: false, reason });

/** Judges every ref of a push that git handed over; those that are accepted have been moved here. */
export async function judgePush(
  world: World,
  repository: Repository,
  push: Push,
  pusher: Pusher,
): Promise<ReadonlyMap<string, RefVerdict>> {
  const receivedAtMs = nowMs();
  const verdicts = new Map<string, RefVerdict>();
  const misnamed = push.commands.filter(({ ref }) => ref.startsWith('refs/heads/') && branchOfRef(ref) === null);
  for (const { ref } of push.isAtomic && misnamed.length > 0 ? push.commands : misnamed)
    verdicts.set(
      ref,
      refused('a branch cannot be called so: at most 200 characters, by the rules of git check-ref-format'),
    );
  if (verdicts.size === push.commands.length) return verdicts;
  // Git keeps tags to itself; main could land and one of them be refused.
  if (push.isAtomic && push.commands.some(({ ref }) => !isOwnBranch(pusher.findApp(), ref))) {
    for (const { ref } of push.commands)
      verdicts.set(ref, refused('main is not pushed with --atomic: push it by itself'));
    return verdicts;
  }
  const branches = push.commands.filter(({ ref }) => isOwnBranch(pusher.findApp(), ref));
  if (branches.length > 1 || push.isAtomic) {
    for (const [ref, verdict] of await storeMany(world, repository, push, pusher, branches)) verdicts.set(ref, verdict);
  }
  for (const command of push.commands) {
    if (verdicts.has(command.ref)) continue;
    // One ref's trouble is not another's: what has landed is said to have landed.
    const verdict = await judgeRef(world, repository, push, pusher, command, receivedAtMs).catch((error: Error) => {
      if (push.signal.aborted) return refused('the client went away');
      world.log({ level: 'error', message: `push of ${command.ref}: ${error.message}` });
      const disk = diskFailure(error, 'nothing was changed');
      if (disk) return refused(`${disk.code}: ${disk.message}; push again once that is mended`);
      return refused(`Lockstep could not judge it: ${error.message}; try again`);
    });
    verdicts.set(command.ref, verdict);
  }
  return verdicts;
}

/** A branch that is the developer's own: neither main nor what could become it. */
function isOwnBranch(app: App | null, ref: string): boolean {
  const branch = branchOfRef(ref);
  if (app === null || branch === null) return false;
  if (standsInTheWay(branch, app.mainBranch)) return false;
  return branch !== app.mainBranch && (app.mainBranch !== null || !usualMains.includes(branch));
}

/** Several branches in one push: stored together, and each checked when they are few. */
async function storeMany(
  world: World,
  repository: Repository,
  push: Push,
  pusher: Pusher,
  commands: readonly RefCommand[],
): Promise<Map<string, RefVerdict>> {
  const verdicts = new Map<string, RefVerdict>();
  const app = pusher.findApp();
  if (!app) return verdicts;
  const failed = await storeBranches(repository, commands, push.isAtomic);
  const isChecked = commands.filter(({ to }) => to !== null).length <= mostChecked;
  for (const command of commands) {
    const why = failed.get(command.ref);
    verdicts.set(command.ref, why === undefined ? accepted : refused(why));
    if (why !== undefined) continue;
    sayStored(app, command, push);
    if (command.to === null || (!isChecked && !push.options.includes('merge'))) continue;
    verdicts.set(
      command.ref,
      await afterStoring(askedOf(world, repository, app, push, pusher), branchOf(command), command.to),
    );
  }
  world.queueGrown(app);
  return verdicts;
}

async function storeBranch(
  world: World,
  repository: Repository,
  app: App,
  command: RefCommand,
  push: Push,
  pusher: Pusher,
): Promise<RefVerdict> {
  const why = (await storeBranches(repository, [command], false)).get(command.ref);
  if (why !== undefined) return refused(why);
  sayStored(app, command, push);
  const asked = askedOf(world, repository, app, push, pusher);
  // The queue looks once the request is there that takes the place of an older one, which is told so.
  const isAsked = command.to !== null && asked.wishes.isMerge;
  if (!isAsked) world.queueGrown(app);
  if (command.to === null) return accepted;
  try {
    return await afterStoring(asked, branchOf(command), command.to);
  } finally {
    if (isAsked) world.queueGrown(app);
  }
}

const branchOf = ({ ref }: RefCommand): BranchName => parseBranch(ref.slice('refs/heads/'.length));

function sayStored(app: App, command: RefCommand, push: Push): void {
  const branch = branchOf(command);
  if (command.to === null) push.say(`${branch} is removed`);
  else
    push.say(`${branch} is stored, and not deployed: only ${app.mainBranch ?? 'main'} is live (previews come later)`);
}

function askedOf(world: World, repository: Repository, app: App, push: Push, pusher: Pusher): BranchPush {
  const { actor, requestedAtMs, tokenId = null } = pusher;
  const weaken = weakenAsked(push, pusher);
  return { world, app, repository, push, wishes: wishesOf(push), actor, tokenId, weaken, requestedAtMs };
}

/** Branches of which the first to be pushed becomes main, when none was named. */
const usualMains: readonly string[] = ['main', 'master'];

/** What git hands over below a main branch (`main/x`) cannot stand beside it: a ref is a file or a folder. */
function standsInTheWay(branch: BranchName, main: BranchName | null): boolean {
  return (main === null ? usualMains : [main]).some((one) => branch.startsWith(`${one}/`));
}

async function judgeRef(
  world: World,
  repository: Repository,
  push: Push,
  pusher: Pusher,
  command: RefCommand,
  receivedAtMs: number,
): Promise<RefVerdict> {
  const app = pusher.findApp();
  if (!app) return refused('the app was destroyed');
  if (command.ref.startsWith('refs/for/')) return await pushFor(askedOf(world, repository, app, push, pusher), command);
  const branch = branchOf(command);
  if (standsInTheWay(branch, app.mainBranch))
    return refused(`${branch} cannot be kept beside the main branch; choose a name that does not begin with it`);
  if (branch !== app.mainBranch && (app.mainBranch !== null || !usualMains.includes(branch)))
    return await storeBranch(world, repository, app, command, push, pusher);
  if (command.to === null)
    return refused(`${branch} is the app's main branch and cannot be deleted; lockstep destroy removes the app`);
  const candidate: App = { ...app, mainBranch: branch };
  const lock = world.lockOf(app.id);
  if (lock.isBusy && !lock.givesWay) push.say('another change of this app is on its way; waiting for it');
  using turn = await lock.take(push.signal);
  if (world.gateSlots.isBusy && !world.gateSlots.givesWay) push.say('waiting for a free gate');
  using slot = await world.gateSlots.take(push.signal);
  if (!pusher.mayPush()) return refused('the token may not push any more');
  const now = pusher.findApp();
  if (!now) return refused('the app was destroyed');
  if (now.mainBranch !== null && now.mainBranch !== branch) {
    // Its own request, or check, would wait for the turn that is held here.
    slot.release();
    turn.release();
    return await storeBranch(world, repository, now, command, push, pusher);
  }
  // Awaited here: a promise that is only passed on would give the turn back before anything was done.
  return await pushMain(
    world,
    repository,
    { ...candidate, ...now, mainBranch: branch },
    { ...command, to: command.to },
    push,
    pusher,
    receivedAtMs,
  );
}

async function pushMain(
  world: World,
  repository: Repository,
  app: App,
  command: RefCommand & { to: CommitId },
  push: Push,
  pusher: Pusher,
  receivedAtMs: number,
): Promise<RefVerdict> {
  const { git } = repository;
  const mainline = mainlineOf(app, repository);
  const head = command.to;
  // A git that starts costs some milliseconds: the usual push, one commit on what is live, needs no more than these two,
  // at the same time.
  // What the gate reads is begun beside them; a push that is refused here has read in vain.
  const measured = measuredBase(world.database, app.id, command.from);
  const reading = readCandidate(world, repository, measured, head, world.signal);
  const [base, commit] = await Promise.all([mainline.tip(), git.commitOf(head)]);
  if (base !== command.from)
    return refused(`main moved to ${base?.slice(0, 7) ?? 'nothing'}; git pull --rebase, then push again`);
  if (!commit) return refused('only a commit can be pushed to main (of a tag: TAG^{}:main)');
  const { tree, parents } = commit;
  if (base !== null && !parents.includes(base) && !(await git.isAncestor(base, head))) {
    return refused(
      `main has commits that this push lacks (it is at ${base.slice(0, 7)}): git pull, then push again; main is never forced`,
    );
  }
  const live = liveRelease(world.database, app.id);
  const baseTree = measured === null ? null : live?.commit === measured ? live.treeId : await git.treeOf(measured);
  const change = receiveChange(world, app, {
    how: 'push',
    actor: pusher.actor,
    base,
    head,
    moments: { requested: pusher.requestedAtMs, received: receivedAtMs },
  });
  push.say(candidateLine(head, base));
  const asker: Asker = {
    say: push.say,
    isGone: () => (push.signal.aborted && !push.options.includes('detach')) || !pusher.mayPush(),
    ...(push.options.includes('detach') ? {} : { left: push.signal }),
    signal: world.signal,
    isRecheck: push.options.includes('recheck'),
    weaken: weakenAsked(push, pusher),
  };
  const end = await carryOut(
    world,
    {
      app,
      change,
      repository,
      candidate: head,
      tree,
      baseTree,
      configVersion: null,
      reading,
      description: `deployed ${head.slice(0, 7)}`,
    },
    asker,
  );
  return answer(world, app, end, push, receivedAtMs);
}

function answer(world: World, app: App, end: ChangeEnd, push: Push, receivedAtMs: number): RefVerdict {
  if (end.state === 'landed') {
    push.say(`live: ${world.urlOf(app)} (v${end.version}) in ${Math.round(nowMs() - receivedAtMs)} ms`);
    return accepted;
  }
  const live = liveRelease(world.database, app.id);
  if (end.state === 'rejected' && live === null) push.say('nothing is live yet');
  return refused(end.state === 'rejected' ? `gate: ${end.reason ?? 'rejected'}` : (end.reason ?? end.state));
}

/** Says in the ledger that a branch other than main was stored, or removed (`to` null). */
export function noteBranch(world: World, app: App, branch: BranchName, to: CommitId | null, actor: string): void {
  inTransaction(world.database, () =>
    appendEvent(
      world.database,
      eventOf({ teamId: app.teamId, appId: app.id, actor }, 'branch.stored', {
        branch,
        commit: to,
        ref: branchRef(branch),
      }),
    ),
  );
  world.announce();
}
