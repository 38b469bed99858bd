// `lockstep local run` and `lockstep local shell`: the app of this checkout as a server runs it, on this machine's own container engine; said is
// whether it is the very image that is live, and if not, what differs. `lockstep local gate` is `lockstep gate`.
import { buildNetworkOf } from '../../config/build-network.ts';
import { developerEngine } from '../../config/developer-engine.ts';
import { dockerLogin } from '../../config/docker-login.ts';
import { usualEngineSocket } from '../../config/engine-socket.ts';
import { fail, isFailure } from '../../domain/errors.ts';
import type { CommitId } from '../../domain/ids.ts';
import { parseImageReference } from '../../domain/image-reference.ts';
import type { LiveFacts } from '../../domain/live.ts';
import { parseAppName } from '../../domain/names.ts';
import type { BuildInputs } from '../../main/local/image.ts';
import type { LocalPlace } from '../../main/local/place.ts';
import type { Startable } from '../../main/local/start.ts';
import type { LiveSource } from '../../main/local/take-live.ts';
import { cacheHome } from '../cache-home.ts';
import { safeLine, seconds } from '../present/text.ts';
import type { Session } from '../session.ts';
import { type Checkout, openCheckout, treeOfWork } from '../work-tree/snapshot.ts';
import { askLive, type LocalEnv, localEnv, noteEnv, portOption, valuesOf } from './local-live.ts';
import { tellComparison } from './local-said.ts';

type Work = {
  session: Session;
  /** null: what is live runs, from wherever the command is given. */
  checkout: Checkout | null;
  live: LiveFacts | null;
  env: LocalEnv;
  say(line: string): void;
};

/** Reads everything that is asked for, before anything is made. */
async function begin(session: Session): Promise<Work> {
  const isLive = session.has('live');
  const live = await askLive(session, isLive);
  const checkout = isLive ? null : await openCheckout(session.io.cwd, session.io.env, undefined);
  if (checkout && session.has('committed') && checkout.head === null)
    throw fail('bad-request', 'there is no commit yet', { advice: 'Commit first, or leave --committed out.' });
  const env = await localEnv(session, live);
  const say = (line: string): void => session.note(safeLine(line));
  if (checkout) say(whatLine(checkout, session.has('committed')));
  return { session, checkout, live, env, say };
}

function whatLine({ head, isDirty }: Checkout, isCommitted: boolean): string {
  const commit = head ? head.commit.slice(0, 7) : 'nothing committed yet';
  return isDirty && !isCommitted ? `${commit} and what is not committed` : commit;
}

const treeInto =
  ({ session }: Work, checkout: Checkout) =>
  async (objects: string) =>
    session.has('committed') ? checkout.head!.tree : treeOfWork(checkout, session.io.env, objects);

/** What is started, in its image: the checkout's own, or the one that is live. */
async function imageFor(work: Work, place: LocalPlace, signal: AbortSignal): Promise<Startable> {
  const { session, checkout, live, env, say } = work;
  const { localApp, localAppId, nameOfFolder } = await import('../../main/local/app.ts');
  noteEnv(session, env);
  if (checkout === null) {
    const { startableOfLive } = await import('../../main/local/live-image.ts');
    const facts = live!;
    const app = localApp(localAppId(`live ${facts.appId}`), parseAppName(facts.app));
    const startable = await startableOfLive(place, facts, await sourceOf(session, facts), say, signal);
    return { ...startable, app, config: env.config };
  }
  const { imageOfCheckout } = await import('../../main/local/checkout.ts');
  const own = localAppId(checkout.top);
  const name = live ? parseAppName(live.app) : nameOfFolder(checkout.top);
  const whose = { appId: live?.appId ?? own, node: live?.node ?? place.node, name };
  const asked = {
    objects: checkout.objects,
    treeInto: treeInto(work, checkout),
    whose,
    live,
    inputs: await inputsOf(session),
    say,
    signal,
  };
  const { artifact, others, comparison } = await imageOfCheckout(place, asked);
  tellComparison(session, comparison);
  if (others.length > 0) say(`note: only web is started here, and not ${others.join(', ')}`);
  const commit = checkout.head?.commit ?? (artifact.treeId as unknown as CommitId);
  return { app: localApp(own, name), artifact, config: env.config, commit, label: 'local' };
}

/** Two signals: the first Ctrl-C, and the second. */
function interrupts(session: Session) {
  const [stop, kill] = [new AbortController(), new AbortController()];
  const off = session.io.onInterrupt(() => {
    if (stop.signal.aborted) return kill.abort();
    session.note('stopping (Ctrl-C again: at once)');
    stop.abort(new Error('interrupted'));
  });
  return { stop: stop.signal, kill: kill.signal, off };
}

export async function localRun(session: Session): Promise<number> {
  const port = portOption(session);
  const work = await begin(session);
  const { isJson } = session;
  const { openForward } = await import('../../main/local/forward.ts');
  const steps = {
    line: (line: string) =>
      isJson ? session.printJson({ line }) : session.print(session.io.isOutTty ? safeLine(line) : line),
    ready(found: { url: string; status: number; notes: readonly string[]; afterMs: number }) {
      if (isJson) return session.printJson({ ready: found });
      for (const note of found.notes) session.note(`note: ${safeLine(note)}`);
      session.note(`answers ${found.status} at ${found.url} after ${seconds(found.afterMs)} (Ctrl-C ends it)`);
    },
  };
  const signals = interrupts(session);
  try {
    const end = await ((await isProcess(work)) ? onMachine() : inContainer());
    if (isJson) session.printJson({ end });
    else if (!end.isStopped) session.note(` !     ${end.reason}`);
    return end.code;
  } catch (error) {
    if (signals.stop.aborted && (isFailure(error, 'cancelled') || error === signals.stop.reason)) return 0;
    throw error;
  } finally {
    signals.off();
  }

  async function inContainer() {
    const { openLocalPlace } = await import('../../main/local/place.ts');
    const { preferredPort, runContainer } = await import('../../main/local/run-container.ts');
    const place = await openLocalPlace(
      developerEngine(session.io.env),
      engineHome(session),
      buildNetworkOf(session.io.env),
    );
    try {
      const startable = await imageFor(work, place, signals.stop);
      const door = await openForward(port, preferredPort(startable));
      try {
        return await runContainer(place, startable, door, steps, signals);
      } finally {
        await door.close();
      }
    } finally {
      place.close();
    }
  }

  async function onMachine() {
    const { runProcesses } = await import('../../main/local/run-process.ts');
    const { nameOfFolder } = await import('../../main/local/app.ts');
    const { checkout, live, env, say } = work;
    if (checkout === null)
      throw fail('bad-request', `${live!.app} runs as processes of its machine: no image of it can be brought here`, {
        advice: 'Run it from a checkout: git checkout the commit that is live, then lockstep local run.',
      });
    noteEnv(session, env);
    const door = await openForward(port, 8080);
    try {
      const home = cacheHome(session, 'local');
      const asked = {
        ...{ home, engineSocket: usualEngineSocket, top: checkout.top, objects: checkout.objects, say },
        ...{ treeInto: treeInto(work, checkout), name: live ? parseAppName(live.app) : nameOfFolder(checkout.top) },
        ...{ head: checkout.head?.commit ?? null, config: env.config, decided: () => {} },
      };
      return await runProcesses(asked, door, steps, signals);
    } finally {
      await door.close();
    }
  }
}

/** A folder of its own: an agent of this command's on the same machine looks after another one. */
const engineHome = (session: Session): string => `${cacheHome(session, 'local')}/engine`;

/** As the tree says; of what is live, as the server does. */
async function isProcess({ session, checkout, live }: Work): Promise<boolean> {
  if (checkout === null) return live!.image === null;
  const { isOfProcesses } = await import('../../main/local/runtime.ts');
  const into = async (objects: string) =>
    session.has('committed') ? checkout.head!.tree : treeOfWork(checkout, session.io.env, objects);
  return isOfProcesses({ objects: checkout.objects, treeInto: into });
}

export async function localShell(session: Session): Promise<number> {
  const work = await begin(session);
  if (await isProcess(work))
    throw fail('no-engine', 'this app runs as processes of the machine: there is no image of it to be in', {
      advice: 'Say "runtime: docker" in lockstep.yml, or use a shell of your own.',
    });
  const { openLocalPlace } = await import('../../main/local/place.ts');
  const { runInImage } = await import('../../main/local/shell.ts');
  const place = await openLocalPlace(
    developerEngine(session.io.env),
    engineHome(session),
    buildNetworkOf(session.io.env),
  );
  const making = new AbortController();
  const off = session.io.onInterrupt(() => making.abort(new Error('interrupted')));
  try {
    const startable = await imageFor(work, place, making.signal).finally(off);
    const { terminalOf } = await import('../terminal.ts');
    return await runInImage(place, startable, session.words, terminalOf(session.io), session.io.onInterrupt);
  } finally {
    off();
    place.close();
  }
}

/** Exit 0: the same image, or the same content at other times; 1: something else came out. */
export async function localRebuild(session: Session): Promise<number> {
  const live = (await askLive(session, true))!;
  const { image } = live;
  if (image === null)
    throw fail('bad-request', `${live.app} runs as processes of its machine: it is no image`, {
      advice: 'lockstep doctor says whether the files that serve are those of the commit.',
    });
  const { objects } = await openCheckout(session.io.cwd, session.io.env, undefined);
  const { openLocalPlace } = await import('../../main/local/place.ts');
  const { rebuildLive, rebuiltLines } = await import('../../main/local/rebuild.ts');
  const { takeLive } = await import('../../main/local/take-live.ts');
  const place = await openLocalPlace(
    developerEngine(session.io.env),
    engineHome(session),
    buildNetworkOf(session.io.env),
  );
  const { stop, off } = interrupts(session);
  try {
    const say = (line: string): void => session.note(safeLine(line));
    await takeLive(place, live.appId, image, await sourceOf(session, live), say, stop);
    const rebuilt = await rebuildLive(place, live, objects, await inputsOf(session), say, stop);
    if (session.isJson) session.printJson(rebuilt);
    else for (const line of rebuiltLines(rebuilt)) session.print(safeLine(line));
    return rebuilt.isSameContent ? 0 : 1;
  } finally {
    off();
    place.close();
  }
}

/** Where the image that is live comes from. */
async function sourceOf(session: Session, live: LiveFacts): Promise<LiveSource> {
  const api = await session.api();
  return {
    fetch: (signal) => api.bytes(`/api/v1/apps/${live.app}/live/image`, signal),
    loginOf: (image) => dockerLogin(session.io.env, parseImageReference(image).host),
  };
}

/** What this machine knows that a build may ask for. @throws bad-env, bad-request */
async function inputsOf(session: Session): Promise<BuildInputs> {
  return {
    secrets: await valuesOf(session, 'build-secrets'),
    loginOf: (image) => dockerLogin(session.io.env, parseImageReference(image).host),
  };
}
