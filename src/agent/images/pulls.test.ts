// Pulls from a real registry by a real engine.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { engineTest } from '../../../test/support/engine.ts';
import { account, smallImage, TestRegistry } from '../../../test/support/registry.ts';
import { isFailure } from '../../domain/errors.ts';
import { makeId } from '../../domain/ids.ts';
import type { PullEvent, PullSpec } from '../../domain/pull.ts';
import { askEngine } from '../engine/ask.ts';
import { lookAtEngine } from '../engine/look.ts';
import { registryTrouble } from '../engine/registry-refusal.ts';
import { openPulls } from './pulls.ts';

const appId = makeId('app', Date.now(), randomBytes(16));
const calm = new AbortController().signal;

const specOf = (image: string, more: Partial<PullSpec> = {}): PullSpec => ({
  ...{ appId, image, login: null, deadlineMs: 60_000, mostBytes: 1e9 },
  ...more,
});

async function ended(events: AsyncIterable<PullEvent>): Promise<PullEvent> {
  let last: PullEvent = { line: '' };
  for await (const event of events) last = event;
  return last;
}

const pulledOf = (last: PullEvent) => {
  assert.ok('pulled' in last, JSON.stringify(last));
  return last.pulled;
};

const isThere = async (socket: string, image: string): Promise<boolean> =>
  (await askEngine(socket, `/v1.41/images/${image}/json`, { timeoutMs: 60_000 })).status === 200;

engineTest(
  'a tag is resolved, its image pulled by digest, found again, kept and collected',
  { own: true },
  async (socket) => {
    await using registry = await TestRegistry.start();
    const pulls = openPulls({ socket, look: () => lookAtEngine(socket) });
    const changes = ['EXPOSE 9000', 'EXPOSE 80', 'CMD ["/x"]'];
    const first = await smallImage(socket, { x: randomBytes(8).toString('hex') }, changes);
    const digest = await registry.push(socket, first, 'team/web:latest');
    const image = `${registry.host}/team/web:latest`;
    assert.deepEqual(await pulls.resolve({ image, login: null }, calm), { digest });
    await askEngine(socket, `/v1.41/images/${first}`, { method: 'DELETE', timeoutMs: 60_000 });
    assert.equal(await isThere(socket, first), false);

    const spec = specOf(`${registry.host}/team/web@${digest}`);
    const { durationMs: _, bytes, ...pulled } = pulledOf(await ended(pulls.pull(spec, calm)));
    assert.deepEqual(pulled, { id: first, ports: [80, 9000], hasOwnCommand: true, wasThere: false });
    assert.ok(bytes > 0);
    // Of the name under which it came nothing is left.
    assert.equal(await isThere(socket, `${registry.host}/team/web@${digest}`), false);
    assert.equal(pulledOf(await ended(pulls.pull(spec, calm))).wasThere, true);

    // The tag moves; the digest is what it was.
    const second = await smallImage(socket, { x: randomBytes(8).toString('hex') });
    const other = await registry.push(socket, second, 'team/web:latest');
    assert.deepEqual(await pulls.resolve({ image, login: null }, calm), { digest: other });
    const next = pulledOf(await ended(pulls.pull(specOf(`${registry.host}/team/web@${other}`), calm)));
    assert.deepEqual([next.id, next.hasOwnCommand, next.ports], [second, false, []]);
    await pulls.collect(appId, new Set([first]));
    assert.equal(await isThere(socket, first), true);
    await pulls.collect(appId, new Set());
    assert.equal(await isThere(socket, first), false);
  },
);

engineTest(
  'a private image is for who is logged in, and the password is in no answer',
  { own: true },
  async (socket) => {
    await using registry = await TestRegistry.start({ isPrivate: true });
    const pulls = openPulls({ socket, look: () => lookAtEngine(socket) });
    const id = await smallImage(socket, { x: randomBytes(8).toString('hex') });
    const digest = await registry.push(socket, id, 'web:1');
    await askEngine(socket, `/v1.41/images/${id}`, { method: 'DELETE', timeoutMs: 60_000 });
    const image = `${registry.host}/web:1`;
    const byDigest = `${registry.host}/web@${digest}`;
    for (const login of [null, { ...account, password: 'incorrect' }]) {
      await assert.rejects(pulls.resolve({ image, login }, calm), (error: Error) => {
        assert.ok(!error.message.includes('incorrect'));
        return isFailure(error, 'pull-refused') && /lockstep registry login/.test(error.advice ?? '');
      });
      const last = await ended(pulls.pull(specOf(byDigest, { login }), calm));
      assert.ok('failed' in last, JSON.stringify(last));
    }
    assert.deepEqual(await pulls.resolve({ image, login: account }, calm), { digest });
    assert.equal(pulledOf(await ended(pulls.pull(specOf(byDigest, { login: account }), calm))).id, id);
    await pulls.collect(appId, new Set());
  },
);

engineTest('what is not there, too large, or nowhere is told apart', { own: true }, async (socket) => {
  await using registry = await TestRegistry.start();
  const pulls = openPulls({ socket, look: () => lookAtEngine(socket) });
  const id = await smallImage(socket, { x: randomBytes(300_000).toString('base64') });
  const digest = await registry.push(socket, id, 'web:1');
  await askEngine(socket, `/v1.41/images/${id}`, { method: 'DELETE', timeoutMs: 60_000 });
  const refuses = (code: Parameters<typeof isFailure>[1], work: Promise<unknown>) =>
    assert.rejects(work, (error) => isFailure(error, code!) || assert.fail(String(error)));
  await refuses('pull-refused', pulls.resolve({ image: `${registry.host}/web:2`, login: null }, calm));
  await refuses('pull-refused', pulls.resolve({ image: `${registry.host}/other:1`, login: null }, calm));
  await refuses('registry-away', pulls.resolve({ image: '127.0.0.1:9/web:1', login: null }, calm));
  await refuses('registry-away', ended(pulls.pull(specOf(`127.0.0.1:9/web@${digest}`), calm)));
  await refuses('bad-request', ended(pulls.pull(specOf(`${registry.host}/web:1`), calm)));
  await refuses('bad-image', ended(pulls.pull(specOf('--privileged'), calm)));
  const absent = await ended(pulls.pull(specOf(`${registry.host}/web@sha256:${'0'.repeat(64)}`), calm));
  assert.ok('failed' in absent && /not found|unknown/.test(absent.failed.why), JSON.stringify(absent));
  const large = await ended(pulls.pull(specOf(`${registry.host}/web@${digest}`, { mostBytes: 1000 }), calm));
  assert.ok('failed' in large && /larger/.test(large.failed.why), JSON.stringify(large));
  assert.equal(await isThere(socket, id), false);
  const gone = new AbortController();
  gone.abort();
  await assert.rejects(ended(pulls.pull(specOf(`${registry.host}/web@${digest}`), gone.signal)));
  await refuses(
    'no-engine',
    openPulls({ socket: '/nowhere.sock', look: () => lookAtEngine('/nowhere.sock') }).resolve(
      { image: 'web', login: null },
      calm,
    ),
  );
});

const said: [string, ReturnType<typeof registryTrouble>][] = [
  ['errors:\ndenied: requested access to the resource is denied\nunauthorized: authentication required', 'refused'],
  ['manifest for 127.0.0.1:5000/web:2 not found: manifest unknown: manifest unknown', 'refused'],
  ['no matching manifest for linux/arm64 in the manifest list entries', 'refused'],
  ['Get "https://registry.example/v2/": dial tcp: lookup registry.example: no such host', 'away'],
  ['Get "http://127.0.0.1:9/v2/": dial tcp 127.0.0.1:9: connect: connection refused', 'away'],
  ['toomanyrequests: You have reached your pull rate limit', 'away'],
  ['net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)', 'away'],
  ['no space left on device', null],
];
for (const [message, expected] of said) {
  test(`"${message.slice(0, 50).replaceAll('\n', ' ')}" is ${expected ?? 'no word of a registry'}`, () =>
    assert.equal(registryTrouble(message), expected));
}
