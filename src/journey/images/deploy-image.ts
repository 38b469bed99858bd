// An image of a registry becomes what is live. Its name with its digest is written into `lockstep.yml` by a commit of Lockstep's own, which
// goes the way of every change: gate, start, health, main, route. So main says what is live, a release names a commit, a rollback is a revert,
// and the history of the app's images is the history of its repository. A tag is resolved once, here; what is deployed is the digest.
import { openGitTree } from '../../build/git-tree.ts';
import { readLockstepYml } from '../../config/readers/lockstep-yml.ts';
import type { App } from '../../domain/app.ts';
import type { Change } from '../../domain/change.ts';
import { fail } from '../../domain/errors.ts';
import type { CommitId, Digest, TreeId } from '../../domain/ids.ts';
import { type ImageReference, imageText } from '../../domain/image-reference.ts';
import { parseBranch } from '../../domain/names.ts';
import type { Repository } from '../../git/repository.ts';
import { carryOut } from '../../journey.ts';
import { isThere } from '../../store/apps.ts';
import { liveRelease } from '../../store/releases.ts';
import { receiveChange } from '../receive-change.ts';
import { type Asker, type ChangeEnd, RunningChange } from '../running-change.ts';
import { mainlineOf, nowMs, type World } from '../world.ts';
import { runAfterDeploy } from './after-deploy.ts';
import { loginFor } from './registry-logins.ts';

export type ImageDeploy =
  /** Main names it already, and it is live. */
  { state: 'live'; digest: Digest } | { state: 'begun'; digest: Digest; change: Change; end: Promise<ChangeEnd> };

const file = 'lockstep.yml';
const fileBytes = 16 * 1024;

/** @throws pull-refused, registry-away, no-engine, engine-away, agent-away */
export async function resolveImage(
  world: World,
  app: Pick<App, 'id' | 'teamId'>,
  image: ImageReference,
): Promise<Digest> {
  if (image.digest !== null) return image.digest;
  const login = loginFor(world, app, image.host);
  return (await world.agent.resolveImage({ image: imageText(image), login }, world.signal)).digest;
}

/**
 * Begins to make an image live; the end is the change's.
 * @param superseded raised, with an Error, when something newer is to be live instead
 * @throws what `resolveImage` throws; conflict for an app that is deployed from its repository; bad-config for a lockstep.yml that cannot be edited
 */
export async function beginImageDeploy(
  world: World,
  given: App,
  image: ImageReference,
  actor: string,
  superseded: AbortSignal = new AbortController().signal,
): Promise<ImageDeploy> {
  const requestedAtMs = nowMs();
  const app: App = { ...given, mainBranch: given.mainBranch ?? parseBranch('main') };
  const digest = await resolveImage(world, app, image);
  const name = imageText({ ...image, digest });
  const repository = await world.repositoryOf(app);
  // Its commit is on no branch until main has moved.
  using held = new DisposableStack();
  held.use(await world.usesOf(app.id).begin());
  const base = await mainlineOf(app, repository).tip();
  const baseTree = base === null ? null : await repository.git.treeOf(base);
  const tree = await treeNaming(world, app, repository, baseTree, name);
  const live = liveRelease(world.database, app.id);
  if (tree === baseTree && live?.treeId === tree) return { state: 'live', digest };
  const signature = { name: 'Lockstep', email: 'lockstep@localhost', atSeconds: Math.floor(requestedAtMs / 1000) };
  const candidate = await repository.git.commitTree({
    ...{ tree, parents: base === null ? [] : [base], author: signature, committer: signature },
    message: `Deploy ${name}\n\nAsked for by ${actor}.\n`,
  });
  const change = receiveChange(world, app, {
    ...{ how: 'image', actor, base, head: candidate },
    moments: { requested: requestedAtMs, received: nowMs() },
  });
  world.progress.open(change.id);
  const untilItsEnd = held.move();
  const prepared = { app, change, repository, candidate, tree, base, baseTree, description: `deployed ${name}` };
  const end = carryOutInTurn(world, prepared, superseded)
    .catch((error: Error): ChangeEnd => {
      world.log({ level: 'error', message: `image ${change.id}: ${error.message}` });
      return { state: 'infra-error', reason: error.message, version: null };
    })
    .finally(() => untilItsEnd.dispose());
  void end
    .then(({ state }) => (state === 'landed' ? runAfterDeploy(world, app, { image, digest, actor }) : undefined))
    .catch((error: Error) =>
      world.log({ level: 'warn', message: `after the deploy of ${app.name}: ${error.message}` }),
    );
  return { state: 'begun', digest, change, end };
}

type Prepared = {
  app: App;
  change: Change;
  repository: Repository;
  candidate: CommitId;
  tree: TreeId;
  base: CommitId | null;
  baseTree: TreeId | null;
  description: string;
};

async function carryOutInTurn(world: World, prepared: Prepared, superseded: AbortSignal): Promise<ChangeEnd> {
  const { app, change, repository, candidate, tree, base, ...more } = prepared;
  const asker: Asker = {
    ...{ say: () => {}, isGone: () => superseded.aborted, signal: world.signal, isRecheck: false },
    superseded,
  };
  const endAt = (state: 'conflict' | 'infra-error' | 'superseded', reason: string) =>
    new RunningChange(world, change, { candidate, tree }, asker).end(state, reason);
  using turn = await turnOf(world, app, AbortSignal.any([world.signal, superseded])).catch((error: unknown) => {
    if (superseded.aborted) return null;
    throw error;
  });
  if (turn === null) return endAt('superseded', (superseded.reason as Error).message);
  if (!isThere(world.database, app.id)) return endAt('infra-error', 'the app was destroyed');
  // What had the turn before may have moved main: this commit would no longer follow on it.
  if ((await mainlineOf(app, repository).tip()) !== base)
    return endAt('conflict', 'main moved while the image waited for its turn; ask for it again');
  const rest = { configVersion: null, reading: null, ...more };
  return carryOut(world, { app, change, repository, candidate, tree, ...rest }, asker);
}

/** The app's turn, with a gate's slot. */
async function turnOf(world: World, { id }: App, signal: AbortSignal): Promise<DisposableStack> {
  using held = new DisposableStack();
  held.use(await world.lockOf(id).take(signal));
  held.use(await world.gateSlots.take(signal));
  return held.move();
}

/** Main's tree with the image in its lockstep.yml; everything else in it stays. */
async function treeNaming(
  world: World,
  app: App,
  repository: Repository,
  baseTree: TreeId | null,
  image: string,
): Promise<TreeId> {
  const { git } = repository;
  const view = baseTree === null ? null : (await openGitTree(git, world.blobs, baseTree, world.signal)).view;
  const text = (await view?.read(file, fileBytes))?.toString('utf8') ?? null;
  if (view !== null && (text === null || readLockstepYml(text).image === null)) {
    throw fail('conflict', `${app.name} is deployed from its repository: its main names no image`, {
      advice: `Make an app of its own for the image, or write "image: ${image}" into lockstep.yml and push it.`,
    });
  }
  return git.withFile(baseTree, file, withImageLine(text, image));
}

/** Its line alone is another. @throws bad-config when the file says it in a way that is not one line */
export function withImageLine(text: string | null, image: string): string {
  const line = `image: ${image}`;
  const edited = text === null ? `${line}\n` : text.replace(/^image:[^\n]*$/m, () => line);
  if (readLockstepYml(edited).image === image) return edited;
  throw fail('bad-config', 'lockstep.yml says its image in a way that cannot be edited', {
    advice: 'Write it as one line: image: NAME@sha256:…',
  });
}
