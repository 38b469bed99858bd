// From the facts of one app to what is wrong with it. Pure, a list of questions. While a change of the app is on its way two
// sides differ by right, and nothing is wrong.
import type { App } from '../../domain/app.ts';
import { type Problem, type ProblemCode, problem, problemRegistry } from '../../domain/doctor.ts';
import type { ObservedInstance } from '../../domain/observed.ts';
import type { ImageArtifact } from '../../domain/release.ts';
import type { ProcessEvidence } from '../../domain/survey.ts';
import type { AppFacts } from './app-facts.ts';

type Question = (facts: AppFacts) => readonly [ProblemCode, string][];

const short = (id: string): string => id.slice(0, 7);

const main: Question = ({ app, live, main: now, mainProblem, mayRestoreMain }) => {
  if (mainProblem !== null) return [['main-unreadable', `main cannot be read: ${mainProblem}`]];
  if (live === null)
    return now === null ? [] : [['nothing-live', `main has a commit (${short(now.commit)}) and nothing is live`]];
  if (now?.commit === live.commit && now.tree === live.treeId) return [];
  const what =
    now === null
      ? `v${live.version} is live (${short(live.commit)}) and ${app.mainBranch ?? 'main'} is gone`
      : `main is ${short(now.commit)}, live is ${short(live.commit)}: it was moved past the gate`;
  if (!mayRestoreMain) return [['main-ambiguous', `${what}, and what is live cannot be put back by itself`]];
  return [[now === null ? 'main-gone' : 'main-moved', what]];
};

const store: Question = ({ live, artifact }) =>
  live !== null && artifact === null
    ? [['artifact-unknown', `the store does not know what v${live.version} is made of`]]
    : [];

const neighbours: Question = ({ evidence, agentProblem }) => {
  if (evidence === null) return [['agent-away', agentProblem ?? 'The agent does not answer']];
  return evidence.router === null ? [['router-away', 'The router does not answer']] : [];
};

const served: Question = ({ live, evidence, differences }) => {
  if (live === null || evidence === null) return [];
  const { release, releaseProblem } = evidence;
  const name = `the files of v${live.version}`;
  if (releaseProblem !== null) return [['served-files-unknown', `${name} could not be read: ${releaseProblem}`]];
  if (release === null) return [['served-files-missing', `${name} are not on the disk`]];
  if (differences === null) return [['served-files-unknown', `${name} could not be compared with main's tree`]];
  if (differences.length > 0)
    return [['served-files-changed', `${name} are not main's tree ${short(live.treeId)}: ${differences.join(', ')}`]];
  const { loose } = release;
  return loose.length > 0
    ? [['served-files-open', `${name} can be written by others than root: ${loose.join(', ')}`]]
    : [];
};

const wanted: Question = ({ live, evidence }) => {
  if (evidence === null || evidence.routed === (live?.setId ?? null)) return [];
  return [['not-wanted', 'the agent has not taken yet what was decided last']];
};

const processes: Question = ({ app, live, artifact, evidence, hasIdentities }) => {
  if (live === null || evidence === null) return [];
  const ours = evidence.processes.filter((one) => one.setId === live.setId);
  const image = artifact?.image ?? null;
  // Whom people's own images run as is theirs to say.
  const isHeld = hasIdentities && (image === null || image.isGenerated);
  const found = ours.flatMap((one) => [...judgeProcess(app, one, isHeld), ...judgeImage(one, image)]);
  const web = ours.filter(({ type }) => type === 'web');
  const isServing = artifact?.plan.processes.web === undefined || web.some(({ state }) => state === 'healthy');
  return isServing ? found : [...found, ['not-running', `no web instance of v${live.version} is healthy`]];
};

function judgeProcess(app: App, one: ProcessEvidence, hasIdentities: boolean): [ProblemCode, string][] {
  if (one.state !== 'healthy' && one.state !== 'unhealthy') return [];
  const what = `the ${one.type} process (pid ${one.pid})`;
  if (!one.isAlive) return [['process-gone', `${what} is not there any more`]];
  if (one.stranger !== null) {
    const { pid, uid, executable, folder } = one.stranger;
    const who = pid === null ? 'a process that cannot be named' : `pid ${pid} (uid ${uid}, ${executable} in ${folder})`;
    return [['process-swapped', `on port ${one.port} answers ${who}, which is none of the app's processes`]];
  }
  if (one.listens === false) return [['process-gone', `nothing of ${what} listens on port ${one.port} any more`]];
  if (one.isFolderGone) return [['process-swapped', `${what} runs in a folder that was removed or replaced under it`]];
  const foreign = one.uids.filter((uid) => uid !== app.liveUid);
  if (hasIdentities && foreign.length > 0)
    return [['wrong-identity', `${what} runs as uid ${foreign.join(', ')} instead of ${app.liveUid}`]];
  return [];
}

/** As docker shows it. */
const shortImage = (id: string): string => id.replace(/^sha256:/, '').slice(0, 12);

function judgeImage(one: ProcessEvidence, image: ImageArtifact | null): [ProblemCode, string][] {
  if (image === null || one.image === undefined || (one.state !== 'healthy' && one.state !== 'unhealthy')) return [];
  const what = `the ${one.type} process (pid ${one.pid})`;
  if (one.image === null) return [['process-gone', `the container engine knows of no container of ${what}`]];
  if (one.image !== image.id)
    return [['process-swapped', `${what} is of the image ${shortImage(one.image)} instead of ${shortImage(image.id)}`]];
  const [other] = one.beside ?? [];
  if (other === undefined) return [];
  const which = other === image.id ? 'the same image' : `the image ${shortImage(other)}`;
  return [['process-swapped', `a container of ${which} runs under the name of ${what}, and Lockstep did not start it`]];
}

const routes: Question = ({ app, live, evidence }) => {
  const router = evidence?.router ?? null;
  if (evidence === null || router === null) return [];
  const found: [ProblemCode, string][] = [];
  for (const host of app.hosts) {
    const route = Object.hasOwn(router.routes, host) ? router.routes[host]! : null;
    if (route === null)
      found.push(['route-missing', `the router (routes ${router.generation}) has no route for ${host}`]);
    else if (route === 'platform' || route.appId !== app.id)
      found.push(['route-wrong', `the router gives ${host} to ${route === 'platform' ? 'the platform' : route.name}`]);
    else if (route.setId !== (live?.setId ?? null))
      found.push([
        'route-wrong',
        `the router serves ${route.releaseLabel ?? 'nothing'} at ${host}, not ${label(live)}`,
      ]);
    else {
      const known = new Map(evidence.processes.map((one) => [one.instanceId, one.port]));
      const strange = route.upstreams.find((one) => known.get(one.instanceId) !== one.port);
      if (strange)
        found.push([
          'route-wrong',
          `the router sends ${host} to port ${strange.port}, where no instance of the app is`,
        ]);
    }
  }
  return found;
};

const label = (live: AppFacts['live']): string => (live === null ? 'nothing' : `v${live.version}`);

const questions: readonly Question[] = [neighbours, main, store, served, wanted, processes, routes];
const order = Object.keys(problemRegistry);

/** In the order of the registry; empty while something is under way. */
export function judgeApp(facts: AppFacts): Problem[] {
  if (facts.underWay !== null) return [];
  return questions
    .flatMap((question) => question(facts))
    .map(([code, what]) => problem(code, facts.app.name, what))
    .sort((a, b) => order.indexOf(a.code) - order.indexOf(b.code));
}

/** Why nothing of the app serves, in the words of its instances. */
export function whyNotRunning(instances: readonly ObservedInstance[]): string | null {
  const one = instances.find(({ type }) => type === 'web');
  return one ? `the web instance is ${one.state}${one.reason ? `: ${one.reason}` : ''}` : null;
}
