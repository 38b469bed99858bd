import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { baseImage, engineTest } from '../../../test/support/engine.ts';
import { contextOf } from '../../build/context/context.ts';
import { readIgnore } from '../../build/context/ignore.ts';
import { withCertificates } from '../../build/dockerfile/certificates.ts';
import { withOwnParts } from '../../build/dockerfile/own-parts.ts';
import { readDockerfile } from '../../build/dockerfile/read-dockerfile.ts';
import { isFailure } from '../../domain/errors.ts';
import { type AppId, makeId, type TreeId } from '../../domain/ids.ts';
import type { ImageEvent, ImageSpec } from '../../domain/image.ts';
import { askEngine } from '../engine/ask.ts';
import { detectCgroups } from '../process/cgroup.ts';
import { BuildCaps, buildLimits } from './build-caps.ts';
import { openImages } from './images.ts';

const caps = new BuildCaps(detectCgroups(), buildLimits(2));

const newId = <P extends 'app' | 'nod'>(prefix: P) => makeId(prefix, Date.now(), randomBytes(16));
const treeId = 'a'.repeat(40) as TreeId;

function specOf(appId: AppId, more: Partial<ImageSpec> = {}): ImageSpec {
  const key = randomBytes(32).toString('hex');
  return { ...{ key, appId, treeId, target: null, buildArgs: {}, isUncached: false, deadlineMs: 60_000 }, ...more };
}

const contextWith = (dockerfile: string) =>
  contextOf({ files: (async function* () {})(), ignores: readIgnore(''), dockerfile });

async function ended(events: AsyncIterable<ImageEvent>): Promise<{ lines: string[]; last: ImageEvent }> {
  const lines: string[] = [];
  let last: ImageEvent = { line: '' };
  for await (const event of events) {
    last = event;
    if ('line' in event) lines.push(event.line);
  }
  return { lines, last };
}

const builtOf = (last: ImageEvent) => {
  assert.ok('built' in last, JSON.stringify(last));
  return last.built;
};

engineTest(
  'an image is built once, found by its key, and collected when nobody wants it',
  { own: true },
  async (socket) => {
    const nodeId = newId('nod');
    const appId = newId('app');
    const images = openImages({ socket, nodeId, caps });
    const { signal } = new AbortController();
    const tag = await baseImage('python');
    const dockerfile = `FROM ${tag}\nEXPOSE 9000 53/udp 80\nRUN echo made\nCMD ["python3"]\n`;
    const spec = specOf(appId, { isUncached: true });
    const first = await ended(images.make(spec, contextWith(dockerfile), signal));
    const { id, layers, ...built } = builtOf(first.last);
    assert.ok(layers.length >= 2 && layers.every((one) => /^sha256:[0-9a-f]{64}$/.test(one)), layers.join());
    assert.deepEqual(
      { ...built, durationMs: 0, cachedSteps: 0 },
      { ports: [80, 9000], hasOwnCommand: true, wasThere: false, cachedSteps: 0, durationMs: 0 },
    );
    assert.ok(first.lines.includes('made'), first.lines.join('\n'));
    // What is there is not even read again.
    const unread = (async function* (): AsyncGenerator<Buffer> {
      yield await Promise.reject(new Error('it was read'));
    })();
    const again = builtOf((await ended(images.make(spec, unread, signal))).last);
    assert.deepEqual([again.id, again.wasThere], [id, true]);
    // Of another node or app it is not.
    const stranger = openImages({ socket, nodeId: newId('nod'), caps });
    await assert.rejects(ended(stranger.make(spec, unread, signal)), /it was read/);

    const other = builtOf(
      (await ended(images.make(specOf(appId), contextWith(`${dockerfile}RUN echo 2\n`), signal))).last,
    );
    await images.collect(appId, new Set([id]));
    const isThere = async (one: string) =>
      (await askEngine(socket, `/v1.41/images/${one}/json`, { timeoutMs: 60_000 })).status === 200;
    assert.deepEqual([await isThere(id), await isThere(other.id)], [true, false]);
    await images.collect(newId('app'), new Set());
    assert.equal(await isThere(id), true);
    await images.collect(appId, new Set());
    assert.equal(await isThere(id), false);
  },
);

engineTest(
  'builds get the installation’s certificates and proxies, of which nothing is in the image',
  { own: true },
  async (socket) => {
    const appId = newId('app');
    const certificates = `-----BEGIN CERTIFICATE-----\n${randomBytes(60).toString('base64')}\n-----END CERTIFICATE-----\n`;
    const network = { certificates, proxies: { HTTPS_PROXY: 'http://ann:correct-horse@proxy.example:3128' } };
    const images = openImages({ socket, nodeId: newId('nod'), caps, network });
    const text = withCertificates(
      `FROM ${await baseImage('python')}\nRUN sha256sum $PIP_CERT $SSL_CERT_FILE > /sums; cat /sums; echo "by $HTTPS_PROXY"\nCMD ["sh"]\n`,
    );
    const { lines, last } = await ended(images.make(specOf(appId), contextWith(text), new AbortController().signal));
    const { id } = builtOf(last);
    const sum = createHash('sha256').update(certificates).digest('hex');
    assert.equal(lines.filter((line) => line.startsWith(sum)).length, 2, lines.join('\n'));
    assert.ok(lines.includes('by http://[redacted]@proxy.example:3128'), lines.join('\n'));
    for (const path of [`/images/${id}/json`, `/images/${id}/history`]) {
      const { body } = await askEngine(socket, `/v1.41${path}`, { timeoutMs: 10_000 });
      assert.ok(!/proxy\.example|correct-horse/.test(body), body);
    }
    await images.collect(appId, new Set());
  },
);

engineTest('images of an app that is gone wait for the end of its last container', { own: true }, async (socket) => {
  const appId = newId('app');
  const images = openImages({ socket, nodeId: newId('nod'), caps });
  const spec = specOf(appId);
  const dockerfile = `FROM ${await baseImage('debian')}\nLABEL of=${appId}\nCMD ["true"]\n`;
  const { id } = builtOf((await ended(images.make(spec, contextWith(dockerfile), new AbortController().signal))).last);
  const ask = (method: string, path: string, json?: object) =>
    askEngine(socket, `/v1.41${path}`, { method, timeoutMs: 20_000, ...(json ? { json } : {}) });
  const isThere = async () => (await ask('GET', `/images/${id}/json`)).status === 200;
  const container = JSON.parse((await ask('POST', '/containers/create', { Image: id })).body).Id as string;
  await images.collect(appId, new Set());
  assert.equal(await isThere(), true, 'a container has it');
  const forgotten = images.forget(appId);
  await pause(300);
  assert.equal((await ask('DELETE', `/containers/${container}`)).status, 204);
  await forgotten;
  assert.equal(await isThere(), false);
});

engineTest(
  'G3: one build runs at a time; one that is given up, fails or takes too long makes room for the next',
  { own: true },
  async (socket) => {
    const appId = newId('app');
    const images = openImages({ socket, nodeId: newId('nod'), caps });
    const tag = await baseImage('python');
    const endless = contextWith(`FROM ${tag}\nRUN echo begun; sleep 600\n`);
    const quit = new AbortController();
    const events = images.make(specOf(appId, { isUncached: true }), endless, quit.signal);
    for await (const event of events) if ('line' in event && event.line === 'begun') break;
    // Leaving the loop has ended the generator, and with it the build.
    const waiting = new AbortController();
    const failing = await ended(
      images.make(specOf(appId), contextWith(`FROM ${tag}\nRUN echo why; exit 3\n`), waiting.signal),
    );
    assert.ok('failed' in failing.last && /exit code: 3/.test(failing.last.failed.why), JSON.stringify(failing.last));
    assert.ok(failing.last.failed.outputTail.includes('why'));

    const late = specOf(appId, { deadlineMs: 1500, isUncached: true });
    const slow = ended(images.make(late, contextWith(`FROM ${tag}\nRUN sleep 600\n`), quit.signal));
    await pause(100);
    const next = ended(images.make(specOf(appId), contextWith(`FROM ${tag}\nRUN echo after\n`), quit.signal));
    const [tooLate, after] = await Promise.all([slow, next]);
    assert.ok('failed' in tooLate.last && /longer than/.test(tooLate.last.failed.why), JSON.stringify(tooLate.last));
    assert.equal(after.lines[0], 'waiting for another build');
    builtOf(after.last);
    await images.collect(appId, new Set());

    const nowhere = openImages({ socket: '/nowhere.sock', nodeId: newId('nod'), caps });
    assert.equal((await nowhere.look()).state, 'absent');
    await assert.rejects(ended(nowhere.make(specOf(appId), endless, quit.signal)), (error) =>
      isFailure(error, 'engine-away'),
    );
  },
);

engineTest(
  'G4: a build that forks without end, fills the memory or the disk is ended at its limit, and says which; the next one builds',
  { own: true },
  async (socket) => {
    const appId = newId('app');
    const mebibyte = 1024 ** 2;
    const tight = { memoryBytes: 96 * mebibyte, cpus: 1, pids: 64, diskBytes: 64 * mebibyte };
    const images = openImages({ socket, nodeId: newId('nod'), caps: new BuildCaps(detectCgroups(), tight) });
    const { signal } = new AbortController();
    const tag = await baseImage('python');
    const build = async (run: string) => {
      const spec = specOf(appId, { isUncached: true });
      return ended(images.make(spec, contextWith(`FROM ${tag}\nRUN ${run}\n`), signal));
    };
    const why = async (run: string) => {
      const { last, lines } = await build(run);
      assert.ok('failed' in last, `${JSON.stringify(last)}\n${lines.join('\n')}`);
      return last.failed.why;
    };
    // The group of the builder is there from the first build on.
    builtOf((await build('true')).last);
    assert.match(await why('python3 -c "x = bytearray(400_000_000); print(len(x))"'), /out of memory \(limit 96 MB\)/);
    assert.match(await why('head -c 10G /dev/zero > /file'), /a step wrote more than 64 MB/);
    const forks = await why('i=0; while [ $i -lt 200 ]; do sleep 30 & i=$((i+1)); done; wait');
    assert.match(forks, /exit code: 2/);
    builtOf((await build('echo again')).last);
    await images.collect(appId, new Set());
  },
);

engineTest('what the builder keeps is kept below its limit', { own: true }, async (socket) => {
  const appId = newId('app');
  const images = openImages({ socket, nodeId: newId('nod'), caps, cacheBytes: 1 });
  const { signal } = new AbortController();
  const cached = async (): Promise<number> => {
    const { body } = await askEngine(socket, '/v1.41/system/df', { timeoutMs: 30_000 });
    const kept = (JSON.parse(body) as { BuildCache: { Size: number; InUse: boolean }[] | null }).BuildCache ?? [];
    return kept.filter(({ InUse }) => !InUse).reduce((sum, { Size }) => sum + Size, 0);
  };
  const dockerfile = `FROM ${await baseImage('python')}\nRUN head -c 3000000 /dev/urandom > /file\nRUN rm /file\n`;
  const quit = specOf(appId, { isUncached: true });
  builtOf((await ended(images.make(quit, contextWith(dockerfile), signal))).last);
  await askEngine(socket, `/v1.41/images/lockstep/${appId.toLowerCase()}:${quit.key}`, {
    method: 'DELETE',
    timeoutMs: 60_000,
  });
  const before = await cached();
  assert.ok(before > 2_000_000);
  const { bytesFreed } = await images.collect(appId, new Set());
  assert.ok(bytesFreed > 2_000_000, `${bytesFreed}`);
  // What images of others stand on is theirs.
  const after = await cached();
  assert.ok(after < before - 2_000_000, `${before} -> ${after}`);
});

engineTest(
  "G6: a build reads no other app's cache, nothing of the machine and nothing that it was not given",
  { own: true },
  async (socket) => {
    const [one, other] = [newId('app'), newId('app')];
    const images = openImages({ socket, nodeId: newId('nod'), caps });
    const { signal } = new AbortController();
    const tag = await baseImage('python');
    const build = async (appId: AppId, command: string) => {
      const facts = readDockerfile(
        `FROM ${tag}\nRUN --mount=type=cache,id=shared,target=/cache ${command} # ${appId}\n`,
        [],
      );
      const context = contextWith(withOwnParts(facts.text, facts.stages, appId));
      return ended(images.make(specOf(appId), context, signal));
    };
    builtOf((await build(one, 'echo secret > /cache/file')).last);
    const mine = await build(one, 'cat /cache/file');
    assert.ok(mine.lines.includes('secret'), mine.lines.join('\n'));
    const theirs = await build(
      other,
      'ls -A /cache; env | cut -d= -f1 | sort | tr "\\n" " "; ls -A /var/run /run; id -u',
    );
    const seen = theirs.lines.join('\n');
    builtOf(theirs.last);
    assert.doesNotMatch(seen, /secret|\bfile$|docker\.sock|LOCKSTEP/m);
    assert.match(seen, /^HOME /m);
    for (const app of [one, other]) await images.collect(app, new Set());
  },
);
