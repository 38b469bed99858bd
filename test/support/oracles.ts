// What must hold of a home that has come to rest, whatever was done to it: the invariants I1-I7 and the promises P1-P5 of the
// design, as a list of questions about the facts. Each answers with sentences; none means that it holds. Everybody who
// breaks something asks them afterwards.
import { setTimeout as sleep } from 'node:timers/promises';
import { type AppFacts, type HomeFacts, isBusy, readEngine, readHome } from './home-facts.ts';
import type { PageWatch } from './page-watch.ts';
import type { Stage } from './stage.ts';

type Oracle = (facts: HomeFacts) => string[];
const ofEveryApp =
  (look: (app: AppFacts, facts: HomeFacts) => string[]): Oracle =>
  (facts) =>
    facts.apps.flatMap((app) => look(app, facts).map((said) => `${app.name}: ${said}`));

const ends = ['landed', 'rejected', 'conflict', 'superseded', 'cancelled', 'timed-out', 'infra-error'];
const short = (id: string | null): string => id?.slice(0, 7) ?? 'nothing';
const liveOf = (app: AppFacts) => app.releases.find((one) => one.state === 'live');

/** I1, I2: every value that main has held was the candidate of a change that passed and landed, moved from that change's base. */
const mainIsProved = ofEveryApp(({ main, changes }) =>
  main.moves.flatMap(({ from, to }, at) => {
    const change = changes.find((one) => one.candidate === to && one.base === from && one.state === 'landed');
    if (from !== (main.moves[at - 1]?.to ?? null)) return [`main was at ${short(from)} out of order`];
    if (!change) return [`no change landed what main was moved to: ${short(from)} -> ${short(to)}`];
    const outcome = change.verdict === null ? 'missing' : JSON.parse(change.verdict).outcome;
    return outcome === 'passed' ? [] : [`the verdict of what main held, ${short(to)}, is ${outcome}`];
  }),
);

/** I3: what is live is main's commit, made from main's tree. */
const liveIsMain = ofEveryApp((app) => {
  const live = liveOf(app);
  const { tip, tree } = app.main;
  if (tip === null) return live ? [`v${live.version} is live, and main is not there`] : [];
  if (!live) return [`main is at ${short(tip)}, and nothing is live`];
  return [
    ...(live.commit_id === tip ? [] : [`${short(live.commit_id)} is live, and main is at ${short(tip)}`]),
    ...(live.tree_id === tree && live.artifact_tree === tree ? [] : ['the live artifact is not of main’s tree']),
  ];
});

/** I5: a change lands at most once, and is where main went. */
const landsOnce = ofEveryApp(({ changes, events, main }) =>
  changes.flatMap(({ id, number, state, candidate }) => {
    const times = events.filter((one) => one.change_id === id && one.type === 'change.landed').length;
    const moves = main.moves.filter(({ to }) => to === candidate).length;
    if (state !== 'landed') return times === 0 ? [] : [`change ${number} is ${state}, and has landed`];
    return times === 1 && moves === 1 ? [] : [`change ${number} landed ${times} times and moved main ${moves} times`];
  }),
);

/** I7, P2, P5: a change has exactly one end, and says why when it is not landed. */
const endsOnce = ofEveryApp(({ changes, events }) =>
  changes.flatMap(({ id, number, state, reason, ended_at_ms: endedAtMs }) => {
    if (!ends.includes(state) || endedAtMs === null) return [`change ${number} is ${state} still`];
    const told = events.filter((one) => one.change_id === id && ends.some((end) => one.type === `change.${end}`));
    return [
      ...(told.length === 1 ? [] : [`change ${number} has ${told.length} ends: ${told.map(({ type }) => type)}`]),
      ...(state === 'landed' || reason ? [] : [`change ${number} is ${state}, and does not say why`]),
    ];
  }),
);

/** Versions count from 1 without a gap; one of them is live, and none is half way. */
const versionsCount = ofEveryApp(({ releases }) => {
  const versions = releases.flatMap(({ version }) => version ?? []);
  return [
    ...(versions.every((version, at) => version === at + 1) ? [] : [`the versions are ${versions.join(', ')}`]),
    ...releases.filter((one) => one.state === 'starting').map(() => 'a release is starting still'),
    ...(versions.length === 0 || releases.filter((one) => one.state === 'live').length === 1 ? [] : ['none is live']),
  ];
});

/** Of everything that was live there is a receipt, and its note. */
const receiptsAreKept = ofEveryApp(({ releases, receipts }) =>
  releases.flatMap(({ id, version }) => {
    if (version === null) return [];
    const receipt = receipts.find((one) => one.release_id === id);
    if (!receipt) return [`v${version} has no receipt`];
    return receipt.is_noted === 1 ? [] : [`the receipt of v${version} is no note yet`];
  }),
);

/** I6: nothing of a candidate stays: no ref, copy, set, instance or route. */
const nothingOfCandidates = ofEveryApp((app, { desired, routes, instances }) => {
  const live = liveOf(app)?.set_id ?? null;
  const ours = desired.find(({ id }) => id === app.id);
  const kept = ['refs/heads/', 'refs/tags/', 'refs/notes/', 'refs/lockstep/'];
  return [
    ...app.refs
      .filter((ref) => !kept.some((start) => ref.startsWith(start)) || /^refs\/lockstep\/(?:cand|head)\//.test(ref))
      .map((ref) => `${ref} stayed`),
    ...app.gitLeftOvers.map((file) => `git left ${file}`),
    ...app.copies.map((name) => `the copy ${name} stayed`),
    ...(ours?.sets ?? []).filter(({ id }) => id !== live).map(({ id, stage }) => `the ${stage} set ${id} is wanted`),
    ...instances
      .filter(({ appId, setId }) => appId === app.id && setId !== live)
      .map(({ id, state }) => `the instance ${id} of another set is ${state}`),
    ...routes
      .filter(({ appId, setId }) => appId === app.id && setId !== null && setId !== live)
      .map(({ setId }) => `the route leads to ${setId}, and ${live} is live`),
  ];
});

/** I4, P1: the route leads to living instances of the live set. */
const routeLeadsToLive = ofEveryApp((app, { routes, instances }) => {
  if (!liveOf(app)) return [];
  const route = routes.find(({ appId }) => appId === app.id);
  const upstreams = (route?.instances ?? []).map((id) => instances.find((one) => one.id === id));
  if (upstreams.length === 0) return ['nothing serves it'];
  return upstreams.flatMap((one) => (one?.state === 'healthy' ? [] : [`it is routed to what is ${one?.state}`]));
});

/** No process, pipe or record without the others; one of each of our own processes. */
const noOrphans: Oracle = ({ instances, pipes, processes, apps, waiting, engine }) => {
  const known = new Set(instances.map(({ id }) => id));
  const inContainers = (engine?.containers ?? []).flatMap(({ instance, isRunning }) =>
    isRunning && instance !== null ? instance : [],
  );
  const running = new Set([...processes.flatMap(({ instance }) => instance ?? []), ...inContainers]);
  const count = (pattern: RegExp) => processes.filter(({ command }) => pattern.test(command)).length;
  const own = { control: count(/\/control\.[jt]s /), router: count(/\/router\.[jt]s /) };
  return [
    ...processes
      .filter(({ job }) => job !== null && !waiting.some(({ id }) => id === job))
      .map(({ command, pid }) => `a job runs still: ${pid} ${command}`),
    ...waiting
      .filter(({ id, appId, work }) => waiting.some((one) => one.appId === appId && one.work === work && one.id < id))
      .map(({ id, work }) => `${id} is not the only one that waits for its work ${work}`),
    ...waiting
      .filter(({ appId }) => !apps.some((app) => app.id === appId))
      .map(({ id }) => `${id} waits for an app that there is not`),
    ...[...running].filter((id) => !known.has(id)).map((id) => `a process of the unknown instance ${id} runs`),
    ...pipes.filter((id) => !known.has(id)).map((id) => `a pipe of the unknown instance ${id} stayed`),
    ...instances
      .filter(({ id, appId }) => !running.has(id) || !apps.some((app) => app.id === appId))
      .map(({ id, state }) => `the record of ${id} says ${state}, and it does not run`),
    // Those of a container are told by its own marks; of the others the next agent takes up whom the record names.
    ...instances
      .filter(({ id }) => running.has(id) && !inContainers.includes(id))
      .filter(({ id, pid }) => !processes.some((one) => one.pid === pid && one.instance === id))
      .map(({ id, pid }) => `the record of ${id} names the process ${pid}, and others run`),
    ...Object.entries(own).flatMap(([name, found]) => (found === 1 ? [] : [`${found} processes are ${name}`])),
  ];
};

/** Of containers, networks and images there is none without its app, and no container but that of an instance, once. */
const nothingLeftInEngine: Oracle = ({ engine, instances, apps }) => {
  if (engine === null) return [];
  const { networks, images } = engine;
  // One that holds a network ready for the next job is meant to wait.
  const [ready] = engine.containers.filter(({ job, isRunning, isWaiting }) => job !== null && isRunning && isWaiting);
  const containers = engine.containers.filter((one) => one !== ready);
  const isKnown = (appId: string) => apps.some(({ id }) => id === appId);
  const strangers = Object.entries({ networks, images, containers }).flatMap(([what, all]) =>
    all.filter(({ appId }) => !isKnown(appId)).map(({ id, appId }) => `of the ${what} ${id} is left of ${appId}`),
  );
  return [
    ...strangers,
    ...containers.flatMap(({ id, instance, job, isRunning }) => {
      if (job !== null) return [`the container ${id} of the job ${job} is there still`];
      if (!instances.some((one) => one.id === instance)) return [`the container ${id} is of no known instance`];
      const isDouble = containers.some((other) => other.instance === instance && other.id !== id);
      return [...(isRunning ? [] : [`the container ${id} does not run`]), ...(isDouble ? [`${instance} has two`] : [])];
    }),
    ...networks
      .filter(({ id, appId }) => networks.some((other) => other.appId === appId && other.id < id))
      .map(({ appId }) => `${appId} has two networks`),
  ];
};

export const oracles: Readonly<Record<string, Oracle>> = {
  mainIsProved,
  liveIsMain,
  landsOnce,
  endsOnce,
  versionsCount,
  receiptsAreKept,
  nothingOfCandidates,
  routeLeadsToLive,
  noOrphans,
  nothingLeftInEngine,
};

/** What does not hold now. */
export function brokenOf(facts: HomeFacts): string[] {
  return Object.entries(oracles).flatMap(([name, look]) => look(facts).map((said) => `${name}: ${said}`));
}

export type RestOptions = {
  withinMs?: number;
  watches?: readonly PageWatch[];
  /** The socket of the container engine in which apps run; null: none does. */
  engine?: string | null;
};

/**
 * Waits until all of it holds; what still does not hold after the limit. P2: a deploy ends within 30 s of a start.
 * @param watches visitors: they saw only whole answers, and none older than one before
 */
export async function problemsAtRest(
  stage: Pick<Stage, 'home'>,
  { withinMs = 30_000, watches = [], engine = null }: RestOptions = {},
): Promise<string[]> {
  let broken: string[] = [];
  for (const limit = performance.now() + withinMs; ; await sleep(50)) {
    const isLast = performance.now() > limit;
    try {
      if (!isLast && isBusy(stage.home)) broken = ['a deploy has not ended'];
      else {
        const inEngine = engine === null ? null : await readEngine(stage.home, engine);
        broken = brokenOf({ ...readHome(stage.home), engine: inEngine });
      }
    } catch (error) {
      broken = [`the home cannot be read: ${(error as Error).message}`];
    }
    if (broken.length === 0 || isLast) break;
  }
  return [...broken, ...watches.flatMap((one) => one.problems().map((said) => `a visitor: ${said}`))];
}
