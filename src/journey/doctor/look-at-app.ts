// The doctor's look at one app: everything that `status` asks, and what is too slow for it: every byte of the served files
// and of the dependency layer, every object of main, the repository's guard, the folders' owners and modes.
import type { App } from '../../domain/app.ts';
import { isFailure } from '../../domain/errors.ts';
import type { AgentSurvey } from '../../domain/survey.ts';
import { refOf, type World } from '../world.ts';
import { type AppFacts, factsOf } from './app-facts.ts';
import { type Found, found } from './found.ts';
import { judgeApp } from './judge-app.ts';

type Count = (what: string, by?: number) => void;

export async function lookAtApp(world: World, app: App, survey: AgentSurvey | null, count: Count): Promise<Found[]> {
  const facts = await deepFacts(world, app);
  count('apps');
  // Two sides differ by right; whoever asks again a moment later sees more.
  if (facts.underWay !== null || facts.isBusy) {
    count('apps with a change under way, left out');
    return [];
  }
  count('processes', facts.evidence?.processes.length ?? 0);
  count('routes', facts.evidence?.router ? app.hosts.length : 0);
  count('served files', facts.evidence?.release?.files ?? 0);
  const parts = await Promise.all([
    lookAtLayer(world, facts, 'run', count),
    lookAtLayer(world, facts, 'gate', count),
    lookAtLayer(world, facts, 'built', count),
    lookAtRepository(world, facts, count),
  ]);
  const open = survey?.apps.find(({ id }) => id === app.id)?.open ?? [];
  return [
    ...judgeApp(facts).map((problem) => ({ problem, app })),
    ...parts.flat(),
    ...open.map((what) => found('folder-open', app, what)),
  ];
}

/** The files are read before they are judged, however lately they were. */
async function deepFacts(world: World, app: App): Promise<AppFacts> {
  const first = await factsOf(world, app);
  if (first.live === null || first.evidence?.release == null) return first;
  const release = await world.agent.hashTree(refOf(app), first.live.treeId, { withListing: false }).catch(() => null);
  return release?.treeId === first.evidence.release.treeId ? first : factsOf(world, app);
}

/** A gate layer that is not there is made when it is needed. */
const layerWords = {
  run: { missing: 'its dependencies are not on the disk', what: 'its dependencies', code: 'layer-changed' },
  built: {
    missing: 'what was built of it is not on the disk',
    what: 'the files that it serves',
    code: 'layer-changed',
  },
  gate: { missing: null, what: 'what its checks run with', code: 'gate-layer-changed' },
} as const;

async function lookAtLayer(
  world: World,
  { app, artifact, hasIdentities }: AppFacts,
  purpose: 'run' | 'gate' | 'built',
  count: Count,
): Promise<Found[]> {
  const keys = {
    run: [artifact?.layerKey],
    gate: [artifact?.gateLayerKey, ...Object.values(artifact?.plan.partLayers ?? {})],
    built: [artifact?.builtKey],
  };
  const there = keys[purpose].filter((key) => typeof key === 'string');
  const found = await Promise.all(
    there.map((key) => lookAtOneLayer(world, { app, hasIdentities }, purpose, key, count)),
  );
  return found.flat().slice(0, 1);
}

async function lookAtOneLayer(
  world: World,
  { app, hasIdentities }: Pick<AppFacts, 'app' | 'hasIdentities'>,
  purpose: 'run' | 'gate' | 'built',
  key: string,
  count: Count,
): Promise<Found[]> {
  const { missing, what, code } = layerWords[purpose];
  try {
    const { digest, sealed, files } = await world.agent.hashLayer(refOf(app), key);
    count('files of dependencies', files);
    if (digest === null || sealed === null) return missing === null ? [] : [found('layer-missing', app, missing)];
    // Without identities of its own the app may write compiled files there.
    if (digest === sealed || !hasIdentities) return [];
    return [
      found(
        code,
        app,
        `${what} are not as ${purpose === 'built' ? 'built' : 'installed'}: files were changed, added or removed`,
      ),
    ];
  } catch (error) {
    if (isFailure(error, 'agent-away')) return [];
    throw error;
  }
}

async function lookAtRepository(world: World, { app, main, mainProblem }: AppFacts, count: Count): Promise<Found[]> {
  const { git } = await world.repositoryOf(app);
  const [unguarded, missing] = await Promise.all([
    world.unguardedParts(app),
    main === null || mainProblem !== null ? null : git.whatIsMissing(main.commit),
  ]);
  count('repositories');
  return [
    ...unguarded.map((what) => found('repository-unguarded', app, `in the repository, ${what}`)),
    ...(missing === null ? [] : [found('repository-broken', app, `main is not whole: ${missing}`)]),
  ];
}
