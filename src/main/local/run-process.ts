// One run of an app that is processes of the machine, on a developer's: the same plan, layers, start command and shape of environment as on a server,
// by an agent in this process, reached by one port of the loopback. It ends as a server ends it, and leaves its dependencies for the next time.

import { planBuild } from '../../build/build.ts';
import { openGitTree } from '../../build/git-tree.ts';
import { fail } from '../../domain/errors.ts';
import type { CommitId, TreeId } from '../../domain/ids.ts';
import type { AppName, BranchName } from '../../domain/names.ts';
import type { Artifact } from '../../domain/release.ts';
import { dropCandidate, makeCandidate, startCandidate } from '../../journey/candidate.ts';
import { gather } from '../../journey/materials.ts';
import { refOf } from '../../journey/world.ts';
import { judgeBoot, waitForSet } from '../../release/boot.ts';
import { currentConfig } from '../../store/app-config.ts';
import type { Forward } from './forward.ts';
import type { RunEnd, RunSteps } from './run-container.ts';
import { type LocalWorld, openLocalWorld } from './world.ts';

export type ProcessRun = {
  home: string;
  engineSocket: string;
  top: string;
  objects: string;
  treeInto(objects: string): Promise<TreeId>;
  name: AppName;
  head: CommitId | null;
  config: Readonly<Record<string, string>>;
  /** What is known once it is decided, before anything starts. */
  decided(artifact: Artifact): void;
  say(line: string): void;
};

/** @throws no-detector, bad-config, install-failed, no-interpreter, unhealthy */
export async function runProcesses(
  asked: ProcessRun,
  door: Forward,
  steps: RunSteps,
  { stop, kill }: { stop: AbortSignal; kill: AbortSignal },
): Promise<RunEnd> {
  const { home, engineSocket, say } = asked;
  const local = await openLocalWorld(
    home,
    engineSocket,
    () => say('another lockstep is at work here; waiting for it'),
    stop,
  );
  try {
    const artifact = await build(local, asked, stop);
    return await serve(local, artifact, asked, door, steps, { stop, kill });
  } catch (error) {
    if (stop.aborted) return stopped;
    throw error;
  } finally {
    await local.close();
  }
}

const stopped: RunEnd = { code: 0, reason: 'stopped', isStopped: true };

async function build({ world, appOf }: LocalWorld, asked: ProcessRun, signal: AbortSignal): Promise<Artifact> {
  const { app, repository } = await appOf(asked.top, asked.objects);
  const id = await asked.treeInto(`${repository.path}/objects`);
  const tree = { ...(await openGitTree(repository.git, world.blobs, id, signal)), id };
  const made = await planBuild({
    ...{ app: refOf(app), tree, hello: await world.hello(), names: [asked.name] },
    engine: () => world.agent.engine(),
  });
  asked.say(`${made.artifact.plan.detector}: ${made.artifact.plan.why}`);
  for (const note of made.notes) asked.say(`note: ${note}`);
  asked.decided(made.artifact);
  const materials = gather(world, {
    ...{ app, tree, build: made, isChecked: false, isKnown: true, say: asked.say, placed: () => {}, signal },
  });
  await materials.whenServable();
  return made.artifact;
}

async function serve(
  { world, appOf }: LocalWorld,
  artifact: Artifact,
  asked: ProcessRun,
  door: Forward,
  steps: RunSteps,
  { stop, kill }: { stop: AbortSignal; kill: AbortSignal },
): Promise<RunEnd> {
  const found = (await appOf(asked.top, asked.objects)).app;
  const app = { ...found, name: asked.name, mainBranch: 'main' as BranchName };
  const commit = asked.head ?? (artifact.treeId as unknown as CommitId);
  const configVersion = currentConfig(world.database, app.id).version;
  const facts = { app, cause: 'deploy', commit, configVersion, changeId: null, actor: 'you' } as const;
  const candidate = makeCandidate(world, artifact, { ...facts, description: 'lockstep local run', docs: [] });
  candidate.runnable = { ...candidate.runnable, label: 'local', config: asked.config };
  const beganMs = performance.now();
  const logs = new AbortController();
  const told = tellLogs(world, app.id, steps, logs.signal);
  try {
    await startCandidate(world, candidate);
    const end = await waitForSet(world.observations, candidate.release.setId, 1, stop);
    const [one] = end.instances;
    if (!end.isUp || !one?.port) {
      const { summary, warnings } = judgeBoot(end, 0, performance.now());
      throw fail('unhealthy', summary, { advice: warnings.join(' ') || 'Its lines above may say why.' });
    }
    door.to({ host: '127.0.0.1', port: one.port });
    kill.addEventListener('abort', () => killNow(one.pid), { once: true });
    steps.ready({
      url: `http://127.0.0.1:${door.port}`,
      ...{ status: one.healthStatus ?? 0, notes: one.notes, afterMs: performance.now() - beganMs },
    });
    const over = await world.observations.waitFor(() => {
      const now = world.observations.ofSet(candidate.release.setId).find(({ type }) => type === 'web');
      return now === undefined || now.state === 'failed' || now.state === 'stopped' ? { now } : null;
    }, stop);
    return { code: 1, reason: over.now?.reason ?? 'it ended', isStopped: false };
  } finally {
    await dropCandidate(world, candidate, 'lockstep local run');
    await world.observations
      .waitFor(
        () => (world.observations.ofSet(candidate.release.setId).length === 0 ? true : null),
        AbortSignal.timeout(35_000),
      )
      .catch(() => {}); // the agent's own end ends it
    logs.abort();
    await told;
  }
}

/** Whoever asks twice does not wait for the grace; the agent ends what is left of it. */
function killNow(pid: number | null): void {
  try {
    if (pid !== null) process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

/** What it writes, from its first line on. */
async function tellLogs(
  world: LocalWorld['world'],
  app: Parameters<LocalWorld['world']['agent']['logs']>[0],
  steps: RunSteps,
  signal: AbortSignal,
): Promise<void> {
  const since = Date.now();
  try {
    const options = { count: 1000, follow: true, instanceId: null };
    for await (const { atMs, line } of world.agent.logs(app, options, signal)) if (atMs >= since) steps.line(line);
  } catch {
    // Its lines are lost, and it goes on.
  }
}
