// Batches on a real store and real repositories: who shares a gate, and what becomes of one that is refused.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ChangeId, CommitId } from '../../domain/ids.ts';
import { listQuality } from '../../store/quality.ts';
import { pages, Stage } from './queue-stage.ts';

test('under backlog green branches land together as one commit', async () => {
  using stage = await Stage.open();
  const turn = await stage.world.lockOf(stage.app().id).take();
  const ids: ChangeId[] = [];
  const heads: CommitId[] = [];
  for (const name of ['a', 'b', 'c', 'd']) {
    const head = await stage.branch(name, { ...pages, [name]: '1' });
    stage.green(name, head);
    heads.push(head);
    ids.push((await stage.ask(name, head)).change.id);
  }
  turn.release();
  const ends = await Promise.all(ids.map((id) => stage.end(id)));
  assert.deepEqual(
    ends.map(({ state }) => state),
    ['landed', 'landed', 'landed', 'landed'],
  );
  // How many depends on how long the first have waited by then.
  const together = ends.filter(({ candidate }) => candidate === ends[0]!.candidate).length;
  assert.ok(together >= 2, `${together} together`);
  const { git } = await stage.world.repositoryOf(stage.app());
  assert.deepEqual((await git.commitOf(ends[0]!.candidate!))?.parents, [stage.base, ...heads.slice(0, together)]);
  assert.ok(ends.every((one) => one.releaseId !== null && one.reason === null));
  // What shares a commit shares its figures: one row, that names them all.
  const rows = listQuality(stage.database, stage.app().id, 20);
  const batches = Map.groupBy(ends, ({ candidate }) => candidate);
  assert.deepEqual(
    rows.slice(1).map(({ commit, changes }) => [commit, changes]),
    [...batches].map(([commit, all]) => [commit, all.map(({ number }) => number)]),
  );
  assert.equal(rows.flatMap(({ changes }) => changes).length, 5);
});

test('a batch that is refused is halved, and only what breaks is rejected', async () => {
  using stage = await Stage.open();
  const turn = await stage.world.lockOf(stage.app().id).take();
  const ids: ChangeId[] = [];
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
    const files = name === 'd' ? { ...pages, 'lockstep.yml': 'nonsense: [' } : { ...pages, [name]: '1' };
    const head = await stage.branch(name, files);
    stage.green(name, head);
    ids.push((await stage.ask(name, head)).change.id);
  }
  turn.release();
  const ends = await Promise.all(ids.map((id) => stage.end(id)));
  assert.deepEqual(
    ends.map(({ state }) => state),
    ['landed', 'landed', 'landed', 'rejected', 'landed', 'landed'],
    ends.map(({ reason }) => reason).join('\n'),
  );
  assert.match(ends[3]!.reason!, /lockstep\.yml/);
});

test('a batch that was refused says so, and what is left over when the others have landed is not tested once more', async () => {
  const gate = 'gate: { checks: { sound: { run: sh sound.sh } } }\n';
  using stage = await Stage.open({ ...pages, 'lockstep.yml': gate });
  const gates: number[] = [];
  const bad: CommitId[] = [];
  const { git } = await stage.world.repositoryOf(stage.app());
  const copies = new Map<string, string>();
  const put = stage.agent.putTree.bind(stage.agent);
  stage.agent.putTree = async (app, tree, copy, files) => {
    if (copy !== null) copies.set(copy, tree);
    return put(app, tree, copy, files);
  };
  const badTrees = new Set<string>();
  stage.agent.job = (spec) => {
    if (spec.kind !== 'check' || !JSON.stringify(spec.files).includes('sound.sh')) return {};
    gates.push(1);
    const tree = 'copy' in spec.place ? copies.get(spec.place.copy) : 'treeId' in spec.place ? spec.place.treeId : null;
    return { exitCode: badTrees.has(tree!) ? 1 : 0 };
  };
  const turn = await stage.world.lockOf(stage.app().id).take();
  const ids: ChangeId[] = [];
  const all: Record<string, string> = { ...pages, 'lockstep.yml': gate };
  for (const name of ['a', 'b']) {
    const head = await stage.branch(name, { ...pages, 'lockstep.yml': gate, [name]: '1' });
    all[name] = '1';
    bad.push(head);
    stage.green(name, head);
    ids.push((await stage.ask(name, head, { requestedAtMs: 1 })).change.id);
  }
  // What breaks is both of them together.
  badTrees.add((await git.treeOf(await stage.commit(stage.app(), all, null)))!);
  stage.database.prepare("UPDATE changes SET created_at_ms = 1 WHERE how = 'merge'").run();
  gates.length = 0;
  turn.release();
  const [a, b] = await Promise.all(ids.map((id) => stage.end(id)));
  assert.deepEqual([a!.state, b!.state], ['landed', 'rejected'], `${a!.reason} ${b!.reason}`);
  const told = (await stage.lines(b!.id)).join('\n');
  assert.match(told, /back in the queue: 2 changes together were refused \(sound.*\): each half by itself/);
  assert.match(told, /this tree was checked before/);
  assert.equal(b!.isMemoised, true);
  assert.equal(gates.length, 2, 'the batch and the first half were tested, the last was not');
});
