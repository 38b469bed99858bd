// What is known of one app at one moment: what the store says, where main is, and what the agent found by looking afresh. The
// same record is judged by `status` and by the doctor (`judge-app.ts`).
import type { App } from '../../domain/app.ts';
import { isQueued } from '../../domain/change.ts';
import { isFailure } from '../../domain/errors.ts';
import type { CommitId, TreeId } from '../../domain/ids.ts';
import type { Artifact, Release } from '../../domain/release.ts';
import type { AppEvidence } from '../../domain/survey.ts';
import { branchRef } from '../../git/argv.ts';
import { landedReason } from '../../mainline/local.ts';
import { runningChanges, stateOfCandidate } from '../../store/changes.ts';
import { findArtifact, liveRelease, startingReleases } from '../../store/releases.ts';
import { mainlineOf, refOf, type World } from '../world.ts';
import { differences } from './served-files.ts';

export type Main = { commit: CommitId; tree: TreeId };

export type AppFacts = {
  app: App;
  live: Release | null;
  artifact: Artifact | null;
  /** A change or a release that has not ended, in words; null: there is none. */
  underWay: string | null;
  /** Somebody held the app's turn meanwhile: what is seen may be half done. */
  isBusy: boolean;
  main: Main | null;
  /** main may be put back: what is live is in the repository, and it was not Lockstep that moved main to where it stands. */
  mayRestoreMain: boolean;
  /** Why main could not be asked; null: it could. */
  mainProblem: string | null;
  /** null: the agent is away. */
  evidence: AppEvidence | null;
  agentProblem: string | null;
  /** How the served files differ from main's tree, in words; empty: not at all; null: nobody can say. */
  differences: readonly string[] | null;
  hasIdentities: boolean;
};

/** Asks everybody. */
export async function factsOf(world: World, app: App, triesLeft = 3): Promise<AppFacts> {
  const { database } = world;
  const lock = world.lockOf(app.id);
  const wasBusy = lock.isBusy;
  const live = liveRelease(database, app.id);
  const artifact = live && findArtifact(database, app.id, live.artifactDigest);
  const before = underWayOf(world, app);
  const [main, asked, hello] = await Promise.all([
    mainOf(world, app),
    world.agent.evidence(refOf(app), live?.treeId ?? null, app.hosts).then(
      (evidence) => ({ evidence, problem: null }),
      (error: Error) => ({ evidence: null, problem: error.message }),
    ),
    world.hello().catch(() => null),
  ]);
  const hasIdentities = hello?.enforcement.identities ?? false;
  const release = asked.evidence?.release;
  const differs =
    live && artifact && release
      ? await differences(world, app, live.treeId, artifact, release, hasIdentities).catch(() => null)
      : null;
  // A release that went live between the questions: they are asked again, of one moment.
  const now = liveRelease(database, app.id);
  if (triesLeft > 0 && (now?.id !== live?.id || now?.setId !== live?.setId)) return factsOf(world, app, triesLeft - 1);
  return {
    ...{ app, live, artifact, hasIdentities, differences: differs },
    underWay: before ?? underWayOf(world, app),
    main: main.main,
    mayRestoreMain: await mayRestoreMain(world, app, live, main.main),
    mainProblem: main.problem,
    evidence: asked.evidence,
    agentProblem: asked.problem,
    isBusy: wasBusy || lock.isBusy,
  };
}

function underWayOf(world: World, app: App): string | null {
  const running = runningChanges(world.database).find((change) => change.appId === app.id && !isQueued(change));
  if (running) return `change #${running.number} is ${running.state}`;
  return startingReleases(world.database).some((one) => one.appId === app.id) ? 'a release is starting' : null;
}

async function mayRestoreMain(world: World, app: App, live: Release | null, main: Main | null): Promise<boolean> {
  if (live === null || main?.commit === live.commit) return false;
  if (main !== null && stateOfCandidate(world.database, app.id, main.commit) === 'passed') return false;
  const { git } = await world.repositoryOf(app);
  // Lockstep landed it, and this store does not know: an older database was brought back. Newer work must not be put aside.
  if (main !== null && app.mainBranch !== null) {
    const last = await git.lastMove(branchRef(app.mainBranch)).catch(() => null);
    if (last?.to === main.commit && last.reason === landedReason) return false;
  }
  return (await git.treeOf(live.commit).catch(() => null)) === live.treeId;
}

/** A commit's tree never changes: git is asked once. */
const trees = new Map<CommitId, TreeId>();
const mostTrees = 5000;

function keepTree(commit: CommitId, tree: TreeId): void {
  if (trees.size >= mostTrees) trees.clear();
  trees.set(commit, tree);
}

async function mainOf(world: World, app: App): Promise<{ main: Main | null; problem: string | null }> {
  if (app.mainBranch === null) return { main: null, problem: null };
  try {
    const repository = await world.repositoryOf(app);
    const commit = await mainlineOf(app, repository).tip();
    const tree = commit && (trees.get(commit) ?? (await repository.git.treeOf(commit)));
    if (commit && tree) keepTree(commit, tree);
    if (commit && !tree) return { main: null, problem: `it names ${commit}, which is no commit that is there` };
    return { main: commit && tree ? { commit, tree } : null, problem: null };
  } catch (error) {
    if (!isFailure(error)) throw error;
    return { main: null, problem: error.message };
  }
}
