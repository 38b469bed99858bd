// Who may ask for what, from the asking to the last question before main moves.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Right } from '../../domain/app.ts';
import type { TokenId } from '../../domain/ids.ts';
import type { BranchName } from '../../domain/names.ts';
import { branchCheckOf } from '../../store/branch-checks.ts';
import { listEvents } from '../../store/events.ts';
import { insertToken, revokeToken } from '../../store/tokens.ts';
import { newId } from '../world.ts';
import { askMerge } from './ask.ts';
import { openBranches } from './branch-stage.ts';
import { tokenChanged } from './wanted.ts';

const strict = { 'index.html': 'hello\n', 'lockstep.yml': 'gate:\n  coverage: { patch: 90% }\n' };
const weaker = { 'lockstep.yml': 'gate:\n  coverage: { patch: 50% }\n' };

type On = Awaited<ReturnType<typeof openBranches>>;

function makeToken({ stage }: On, name: string, rights: readonly Right[]): TokenId {
  const { teamId } = stage.owner;
  const token = { id: newId('tok'), name, rights, appIds: null, createdAtMs: 1, expiresAtMs: null };
  insertToken(stage.database, { ...token, teamId, secret: name });
  return token.id;
}

/** As the doors do it. */
function revoke({ stage }: On, id: TokenId): void {
  assert.equal(revokeToken(stage.database, stage.owner, id, 2), true);
  tokenChanged(stage.world, id);
}

const eventsOf = ({ stage }: On, type: string) =>
  listEvents(stage.database, stage.owner, stage.app().id, 0, 1000).filter((one) => one.type === type);

async function ended(on: On): Promise<string[]> {
  while (on.changes().some(({ endedAtMs }) => endedAtMs === null)) await new Promise((tick) => setTimeout(tick, 5));
  return on.changes().flatMap(({ how, state, reason }) => (how === 'merge' ? [`${state}: ${reason}`] : []));
}

test('a merge request that makes the gate weaker is refused, unless an admin asked for just that', async () => {
  using on = await openBranches(strict);
  const head = await on.commit(weaker);
  const plain = await on.push('low', head, ['merge']);
  assert.match(JSON.stringify(plain.verdict), /not merged: gate: policy: /);
  assert.match(plain.said, /lockstep\.yml:2 weaker gate: .*90% on main, and 50% here.*lockstep merge --allow-weaken/);
  const count = on.changes().length;
  const other = await on.push('refs/for/main', head, ['allow-weaken']);
  assert.match(JSON.stringify(other.verdict), /allow-weaken needs the right admin, which this token has not/);
  assert.equal(on.changes().length, count);
  on.stage.isAdmin = true;
  const dry = await on.push('refs/for/main', head, ['dry-run', 'allow-weaken']);
  assert.match(dry.said, /mergeable: yes/);
  const again = await on.push('refs/for/main', head, ['dry-run']);
  assert.match(again.said, /mergeable: no/);
  assert.equal(on.live(), on.base);
  const { verdict, said } = await on.push('refs/for/main', head, ['allow-weaken']);
  assert.deepEqual(verdict, { isAccepted: true }, said);
  assert.equal(on.live(), head);
  const [event, ...more] = eventsOf(on, 'gate.weakened');
  assert.deepEqual([event?.actor, event?.changeId, more.length], ['owner', on.changes()[0]!.id, 0]);
  assert.match(JSON.stringify(event?.data.rules), /weakened by an admin: gate\.coverage\.patch/);
  assert.equal(eventsOf(on, 'change.received').at(-1)?.data.allowsWeaker, true);
});

test('a dry run that may weaken leaves what is known of the branch as it was', async () => {
  using on = await openBranches(strict);
  on.stage.isAdmin = true;
  const head = await on.commit(weaker);
  await on.push('low', head);
  assert.match((await on.push('low', head, ['dry-run', 'allow-weaken'])).said, /mergeable: yes/);
  assert.equal(branchCheckOf(on.stage.database, on.stage.app().id, head)?.outcome, 'red');
});

test('who asks again with a weaker gate takes the place of the request, and who asks without one joins it', async () => {
  using on = await openBranches(strict);
  const turn = await on.stage.world.lockOf(on.stage.app().id).take();
  const head = await on.commit(weaker);
  on.stage.isAdmin = true;
  await on.push('low', head, ['merge', 'detach']);
  await on.push('refs/for/main', head, ['allow-weaken', 'detach']);
  assert.match((await on.push('refs/for/main', head, ['detach'])).said, /change #3 asks for this commit already/);
  turn.release();
  assert.deepEqual(await ended(on), ['landed: null', 'cancelled: change #3 asks for it with a weaker gate']);
});

test('an admin who is none any more by the time of the gate has not made it weaker', async () => {
  using on = await openBranches(strict);
  const turn = await on.stage.world.lockOf(on.stage.app().id).take();
  on.stage.isAdmin = true;
  on.stage.tokenId = makeToken(on, 'boss', ['deploy', 'admin']);
  await on.push('refs/for/main', await on.commit(weaker), ['allow-weaken', 'detach']);
  on.stage.database.prepare("UPDATE tokens SET rights = 'deploy'").run();
  turn.release();
  const [end] = await ended(on);
  assert.match(end!, /^rejected: policy: /);
  assert.equal(on.live(), on.base);
});

test('a token that is revoked takes back what it asked for, and whoever follows is told', async () => {
  using on = await openBranches();
  const turn = await on.stage.world.lockOf(on.stage.app().id).take();
  const ci = makeToken(on, 'ci', ['deploy']);
  on.stage.tokenId = ci;
  const followed = on.push('one', await on.commit({ one: '1' }), ['merge']);
  while (on.changes().length < 2) await new Promise((tick) => setTimeout(tick, 5));
  await on.push('two', await on.commit({ two: '1' }), ['merge', 'detach']);
  on.stage.tokenId = makeToken(on, 'dev', ['deploy']);
  await on.push('three', await on.commit({ three: '1' }), ['merge', 'detach']);
  // Somebody else wants this one, too.
  await on.push('refs/for/main', on.changes().find(({ source }) => source === 'two')!.head, ['detach']);
  revoke(on, ci);
  const { said, verdict } = await followed;
  assert.match(said, /cancelled: its token "ci" was revoked/);
  assert.deepEqual(verdict, { isAccepted: false, reason: 'not merged: its token "ci" was revoked' });
  turn.release();
  assert.deepEqual(await ended(on), ['landed: null', 'landed: null', 'cancelled: its token "ci" was revoked']);
});

test('what is being checked when its token is revoked is stopped, and does not land', async () => {
  using on = await openBranches();
  on.stage.tokenId = makeToken(on, 'ci', ['deploy']);
  const isStarting = new Promise<void>((started) => {
    on.stage.agent.boot = () => {
      started();
      return null;
    };
  });
  const pushed = on.push('one', await on.commit({ one: '1' }), ['merge']);
  await isStarting;
  revoke(on, on.stage.tokenId);
  const { said } = await pushed;
  assert.match(said, /back in the queue: its token "ci" was revoked\ncancelled: its token "ci" was revoked/);
  assert.equal(on.live(), on.base);
});

test('the last question before main moves hears of a token that expired meanwhile', async () => {
  using on = await openBranches();
  on.stage.tokenId = makeToken(on, 'ci', ['deploy']);
  // Nobody wakes the queue: time passes by itself.
  on.stage.agent.boot = () => {
    on.stage.database.prepare('UPDATE tokens SET expires_at_ms = 5').run();
    return { state: 'healthy', healthStatus: 200 };
  };
  const { said, verdict } = await on.push('one', await on.commit({ one: '1' }), ['merge']);
  assert.match(said, /back in the queue: its token "ci" has expired/);
  assert.deepEqual(verdict, { isAccepted: false, reason: 'not merged: its token "ci" has expired' });
  assert.equal(on.live(), on.base);
});

test('an override is the word of the admin who asked, and of nobody who joined', async () => {
  using on = await openBranches();
  const turn = await on.stage.world.lockOf(on.stage.app().id).take();
  const head = await on.commit({ one: '1' });
  await on.push('one', head);
  const boss = makeToken(on, 'boss', ['deploy', 'admin']);
  const asked = { head, source: 'one' as BranchName, priority: 'normal', actor: 'boss', weaken: 'not' } as const;
  const override = { override: 'the site is down', tokenId: boss, requestedAtMs: 1 };
  await askMerge(on.stage.world, on.stage.app(), { ...asked, ...override });
  on.stage.tokenId = makeToken(on, 'dev', ['deploy']);
  await on.push('refs/for/main', head, ['detach']);
  revoke(on, boss);
  assert.deepEqual(await ended(on), ['cancelled: its token "boss" was revoked']);
  // The commit is asked for anew by whoever wants it.
  const later = on.push('refs/for/main', head, ['detach']);
  turn.release();
  await later;
  assert.deepEqual((await ended(on))[0], 'landed: null');
  assert.equal(on.changes()[0]!.override, null);
});
