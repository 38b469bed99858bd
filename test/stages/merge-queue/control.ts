// What control does with merge requests, as a process of its own that can be killed anywhere: a real store and real repositories in the
// folder that it is given, and an agent in memory. It recovers, asks for what was not asked for yet, waits until everything has
// ended, and prints what it then knows, as one line of JSON. Usage: node control.ts FOLDER
import { setTimeout as sleep } from 'node:timers/promises';
import type { CommitId } from '../../../src/domain/ids.ts';
import type { BranchName } from '../../../src/domain/names.ts';
import { branchRef, type RefName } from '../../../src/git/argv.ts';
import { FakeWorld } from '../../../src/journey/fake-world.ts';
import { askMerge } from '../../../src/journey/queue/ask.ts';
import { recover } from '../../../src/journey/recover.ts';
import { keepBranchCheck } from '../../../src/store/branch-checks.ts';
import { liveRelease } from '../../../src/store/releases.ts';

const pages = { 'index.html': 'hello\n' };
export const branches = ['one', 'two', 'against', 'broken'] as const;

/** The folder as it is before the first request: an app that is live, and its branches. */
export async function prepare(folder: string): Promise<void> {
  using stage = new FakeWorld(folder);
  await stage.createApp();
  const app = () => stage.app();
  const base = await stage.commit(app(), pages, null);
  await stage.land(app(), base, null);
  const files = {
    one: { 'index.html': 'one\n' },
    two: { ...pages, two: '2' },
    against: { 'index.html': 'against\n' },
    broken: { ...pages, 'lockstep.yml': 'nonsense: [' },
  };
  const { git } = await stage.world.repositoryOf(app());
  for (const name of branches) {
    const head = await stage.commit(app(), files[name], base, name);
    await git.updateRef(branchRef(name as unknown as BranchName), head, null, 'push');
    keepBranchCheck(
      stage.database,
      { teamId: app().teamId, appId: app().id },
      {
        ...{ branch: name as unknown as BranchName, head, base, outcome: 'green', reason: null },
        ...{ conflicts: [], verdict: null, checkedAtMs: 1 },
      },
    );
  }
}

async function live(folder: string): Promise<void> {
  using stage = new FakeWorld(folder);
  const { world, database } = stage;
  const app = stage.app();
  const { git } = await world.repositoryOf(app);
  await recover(world);
  await world.desired.publish(null);
  stage.queues.takeUp();
  const rows = (sql: string) => database.prepare(sql).all(app.id) as Record<string, never>[];
  // All are asked for before the first is taken up, so that some share a gate.
  const turn = await world.lockOf(app.id).take();
  for (const name of branches) {
    const head = (await git.resolveRef(branchRef(name as unknown as BranchName))) as CommitId;
    if (rows('SELECT head FROM changes WHERE app_id = ?').some((one) => one.head === head)) continue;
    const asked = { head, source: name as unknown as BranchName, actor: 'ada', override: null, requestedAtMs: 1 };
    await askMerge(world, app, { ...asked, priority: 'normal', weaken: 'not', tokenId: null });
  }
  turn.release();
  const isAtRest = async (): Promise<boolean> =>
    rows('SELECT 1 FROM changes WHERE app_id = ? AND ended_at_ms IS NULL').length === 0 &&
    rows("SELECT 1 FROM releases WHERE app_id = ? AND state = 'starting'").length === 0 &&
    (await git.listRefs('refs/lockstep/')).size === 0 &&
    stage.agent.copies.size === 0;
  for (const limit = performance.now() + 20_000; !(await isAtRest()) && performance.now() < limit; ) await sleep(10);
  const main = 'refs/heads/main' as RefName;
  const history = (await git.refHistory(main)).reverse();
  const tip = (await git.resolveRef(main)) as CommitId;
  const facts = {
    ...{ id: app.id, name: app.name, gitLeftOvers: [], receipts: [] },
    changes: rows('SELECT * FROM changes WHERE app_id = ? ORDER BY number'),
    releases: rows(`SELECT r.*, a.tree_id AS artifact_tree FROM releases r LEFT JOIN artifacts a
      ON a.app_id = r.app_id AND a.digest = r.artifact_digest WHERE r.app_id = ? ORDER BY r.version`),
    events: rows('SELECT type, change_id FROM events WHERE app_id = ? ORDER BY seq'),
    main: { tip, tree: await git.treeOf(tip), moves: history.map((to, at) => ({ from: history[at - 1] ?? null, to })) },
    refs: [...(await git.listRefs('refs/')).keys()],
    copies: [...stage.agent.copies],
  };
  const sets = { wanted: stage.agent.sets(app.id), routed: stage.agent.routed(app.id) };
  const logged = stage.logged.filter(({ level }) => level === 'error');
  process.stdout.write(
    `${JSON.stringify({ facts, sets, liveSet: liveRelease(database, app.id)?.setId ?? null, logged })}\n`,
  );
}

if (process.argv[1] === import.meta.filename) {
  await live(process.argv[2]!);
  process.exit(0);
}
