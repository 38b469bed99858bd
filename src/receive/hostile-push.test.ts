// Packs that are made to break something, and gits that are killed: no ref moves, nothing is left, and the next push works.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, utimesSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { stageGitHttp as stage } from '../../test/stages/git-http.ts';
import {
  commitBytes,
  idOf,
  objectOf,
  type PackObject,
  packOf,
  treeBytes,
  zeros,
} from '../../test/support/crafted-pack.ts';
import { removeQuarantines } from '../git/left-overs.ts';
import { gitLimits } from './limits.ts';
import { encodePkt, flushPkt } from './pkt-line.ts';

type Stage = Awaited<ReturnType<typeof stage>>;
const none = '0'.repeat(40);

function post(s: Stage, service: string, body: Buffer | Readable): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(`${s.url}/${service}`, {
      method: 'POST',
      headers: { 'content-type': `application/x-${service}-request` },
    });
    request.once('error', reject);
    request.once('response', (response) => {
      let text = '';
      response.setEncoding('latin1').on('data', (chunk: string) => {
        text += chunk;
      });
      response.once('end', () => resolve({ status: response.statusCode!, text }));
      response.once('error', reject);
    });
    Readable.from(Buffer.isBuffer(body) ? [body] : body).pipe(request);
  });
}

/** A push by hand: makes `ref` at `id`, with this pack. */
const pushOf = (id: string, pack: Buffer, ref = 'refs/heads/x'): Buffer =>
  Buffer.concat([encodePkt(`${none} ${id} ${ref}\0report-status side-band-64k`), flushPkt, pack]);

/** No ref, no object, no folder of objects that were arriving. */
async function nothingIsLeft(s: Stage, what: string): Promise<void> {
  assert.deepEqual([...(await s.repository.git.listRefs('refs/heads/')).keys()], [], what);
  assert.deepEqual(readdirSync(join(s.repository.path, 'objects')).sort(), ['info', 'pack'], what);
  assert.deepEqual(readdirSync(join(s.repository.path, 'objects', 'pack')), [], what);
}

/** A commit with this tree, with all its objects. */
function commitOf(tree: Buffer, others: readonly PackObject[] = []): { id: string; pack: Buffer } {
  const commit = commitBytes(idOf('tree', tree));
  return { id: idOf('commit', commit), pack: packOf([...others, objectOf('tree', tree), objectOf('commit', commit)]) };
}

const blob = Buffer.from('x\n');
const blobId = idOf('blob', blob);

test('D5: a pack that is cut, changed or no pack at all is refused whole', async () => {
  await using s = await stage();
  await s.commit(Buffer.from('some content\n'.repeat(500)));
  const body = await s.pushBody('x');
  const start = body.indexOf('PACK');
  const flipped = (at: number): Buffer => {
    const copy = Buffer.from(body);
    copy[at]! ^= 0x20;
    return copy;
  };
  const wrong = new Map<string, Buffer>([
    ['cut in its header', body.subarray(0, start + 7)],
    ['cut in the middle', body.subarray(0, start + Math.floor((body.length - start) / 2))],
    ['without its checksum', body.subarray(0, -20)],
    ['cut by one byte', body.subarray(0, -1)],
    ['no pack', body.subarray(0, start)],
    ['garbage', Buffer.concat([body.subarray(0, start), Buffer.alloc(5000, 0xa5)])],
    ['another version', flipped(start + 7)],
    ['a count that lies', pushOf(commitOf(treeBytes([])).id, packOf([objectOf('tree', Buffer.alloc(0))], 9))],
    ['a size that lies', pushOf(none.replace('0', '1'), packOf([{ ...objectOf('blob', blob), size: 5_000_000_000 }]))],
    ['without the object that is named', pushOf('1'.repeat(40), packOf([objectOf('blob', blob)]))],
  ]);
  for (let at = start + 12; at < body.length; at += Math.ceil((body.length - start) / 12))
    wrong.set(`byte ${at} changed`, flipped(at));
  for (const [what, bytes] of wrong) {
    const { text } = await post(s, 'git-receive-pack', bytes);
    assert.doesNotMatch(text, /ok refs/, what);
    await nothingIsLeft(s, what);
  }
  assert.equal((await s.git('push', 'origin', 'main:x')).code, 0);
});

test('D5: trees that would be written outside of their folder, or have two readings, are refused by fsck', async () => {
  await using s = await stage();
  const file = (name: string, mode = '100644') => ({ mode, name, id: blobId });
  const trees = new Map([
    ...['.git', '.GIT', '.', '..', '', 'a/b', '.git\u200c', 'git~1', '.gitmodules'].map((name): [string, Buffer] => [
      JSON.stringify(name),
      treeBytes([file(name, name === '.gitmodules' ? '120000' : '100644')]),
    ]),
    ['a name twice', treeBytes([file('a'), file('a')])],
    ['names out of order', treeBytes([file('b'), file('a')])],
    ['a file and a folder of one name', treeBytes([file('a'), { ...file('a'), mode: '40000' }])],
    ['no mode', Buffer.concat([Buffer.from(' a\0'), Buffer.from(blobId, 'hex')])],
    ['cut', treeBytes([file('a')]).subarray(0, -3)],
  ]);
  for (const [what, tree] of trees) {
    const { id, pack } = commitOf(tree, [objectOf('blob', blob)]);
    const { text } = await post(s, 'git-receive-pack', pushOf(id, pack));
    assert.doesNotMatch(text, /unpack ok/, what);
    await nothingIsLeft(s, what);
  }
  const good = commitOf(treeBytes([file('a')]), [objectOf('blob', blob)]);
  assert.match((await post(s, 'git-receive-pack', pushOf(good.id, good.pack))).text, /unpack ok/);
});

/** The most that the processes below this one have held at once, in MiB, while `work` ran. */
async function peakOf<T>(work: Promise<T>): Promise<{ value: T; mebibytes: number }> {
  let most = 0;
  let isOver = false;
  const look = async (): Promise<void> => {
    while (!isOver) {
      most = Math.max(most, ...gits().map(({ rss }) => rss));
      await pause(20);
    }
  };
  const looking = look();
  const value = await work.finally(() => {
    isOver = true;
  });
  await looking;
  return { value, mebibytes: most / 2 ** 20 };
}

/** The gits that serve a push, wherever they stand below this process. */
function gits(path = ''): { pid: number; argv: string; rss: number }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const argv = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
        const rss = Number(readFileSync(`/proc/${name}/statm`, 'utf8').split(' ')[1]) * 4096;
        return /git(?:-core\/git)? (?:receive-pack|unpack-objects|index-pack)/.test(argv) && argv.includes(path)
          ? [{ pid: Number(name), argv, rss }]
          : [];
      } catch {
        return [];
      }
    });
}

test('D4: two gigabytes of zeros in a small pack are given up at the limit, in little memory, and leave nothing', {
  timeout: 60_000,
}, async () => {
  await using s = await stage(undefined, undefined, { limits: { ...gitLimits, unpackMs: 400 } });
  const bomb = zeros(2048);
  const body = pushOf('1'.repeat(40), packOf([bomb]));
  assert.ok(body.length < 4 * 2 ** 20, `${body.length} bytes`);
  const { value, mebibytes } = await peakOf(post(s, 'git-receive-pack', body));
  assert.match(value.text, /unpack unpack-objects abnormal exit/);
  assert.ok(mebibytes < 64, `git held ${mebibytes} MiB`);
  await s.state.served.at(-1);
  await nothingIsLeft(s, 'a bomb');
});

test('D4: a body far over the limit is read away without being kept', { timeout: 60_000 }, async () => {
  await using s = await stage(1_000_000, 200_000_000);
  const chunk = Buffer.alloc(2 ** 20, 7);
  const before = process.memoryUsage().rss;
  let most = 0;
  const parts = (function* () {
    const head = Buffer.from('PACK\0\0\0\u0002\0\0\0\u0009', 'latin1');
    yield pushOf('1'.repeat(40), head);
    for (let sent = 0; sent < 100; sent += 1) {
      most = Math.max(most, process.memoryUsage().rss);
      yield chunk;
    }
  })();
  const { value, mebibytes } = await peakOf(post(s, 'git-receive-pack', Readable.from(parts)));
  assert.doesNotMatch(value.text, /unpack ok/);
  assert.ok(
    mebibytes < 64 && most - before < 64 * 2 ** 20,
    `git ${mebibytes} MiB, we ${(most - before) / 2 ** 20} MiB more`,
  );
  await nothingIsLeft(s, 'too much');
});

test('D4: a push of a hundred thousand refs is refused before the first is made, and so is one beyond the room', {
  timeout: 60_000,
}, async () => {
  await using s = await stage(undefined, undefined, { refsLeft: 3 });
  await s.commit('x');
  const id = (await s.git('rev-parse', 'HEAD')).stdout.trim();
  const body = await s.pushBody('x');
  const pack = body.subarray(body.indexOf('PACK'));
  const commands = (count: number): Buffer =>
    Buffer.concat(
      Array.from({ length: count }, (_, at) =>
        encodePkt(`${none} ${id} refs/heads/b${at}${at === 0 ? '\0report-status side-band-64k' : ''}`),
      ),
    );
  for (const [count, word] of [
    [100_000, /at most 1000 refs/],
    [4, /this makes 4 branches or tags, and there is room for 3 more: remove some/],
  ] as const) {
    const { text } = await post(s, 'git-receive-pack', Buffer.concat([commands(count), flushPkt, pack]));
    assert.match(text, word);
    await nothingIsLeft(s, `${count} refs`);
  }
  await post(s, 'git-receive-pack', Buffer.concat([commands(3), flushPkt, pack]));
  assert.equal((await s.repository.git.listRefs('refs/heads/')).size, 3);
});

test('D4: trees that hold one another list no more than is read', { timeout: 60_000 }, async () => {
  await using s = await stage();
  let tree = treeBytes([{ mode: '100644', name: 'f', id: blobId }]);
  const objects: PackObject[] = [objectOf('blob', blob)];
  // Ten to the ninth files in ten trees.
  for (let depth = 0; depth < 9; depth += 1) {
    objects.push(objectOf('tree', tree));
    const id = idOf('tree', tree);
    tree = treeBytes(Array.from({ length: 10 }, (_, at) => ({ mode: '40000', name: `${'d'.repeat(200)}${at}`, id })));
  }
  const { id, pack } = commitOf(tree, objects);
  const { text } = await post(s, 'git-receive-pack', pushOf(id, pack));
  // fsck may have its own word about it; if it is stored, it is never listed whole.
  if (/unpack ok/.test(text)) await assert.rejects(s.repository.git.lsTree(id as never), { code: 'too-large' });
});

test('D6: receive-pack killed at any point moves no ref, and the client can push again', {
  timeout: 60_000,
}, async () => {
  let atHook: () => boolean = () => true;
  await using s = await stage(undefined, undefined, { mayPush: () => atHook() });
  await s.commit(Buffer.from('some content\n'.repeat(5000)));
  const kill = (): void => {
    for (const { pid } of gits(s.repository.path)) process.kill(pid, 'SIGKILL');
  };
  const points: [string, () => Promise<void>][] = [
    [
      'while the pack comes in',
      async () => {
        const body = await s.pushBody('main');
        const half = body.length - 30;
        const parts = (async function* () {
          yield body.subarray(0, half);
          while (gits(s.repository.path).length === 0) await pause(5);
          kill();
          yield body.subarray(half);
        })();
        await post(s, 'git-receive-pack', Readable.from(parts)).catch(() => {});
      },
    ],
    [
      'when it asks whether it may go on',
      async () => {
        atHook = () => {
          kill();
          return true;
        };
        await s.git('push', 'origin', 'main');
        atHook = () => true;
      },
    ],
    [
      'while the gate is at work',
      async () => {
        s.state.judge = async () => {
          kill();
          await pause(50);
          return new Map();
        };
        await s.git('push', 'origin', 'main');
        s.state.judge = s.land;
      },
    ],
  ];
  for (const [what, push] of points) {
    await push();
    await Promise.allSettled(s.state.served);
    assert.equal(await s.mainline.tip(), null, what);
    assert.deepEqual([...(await s.repository.git.listRefs('refs/heads/')).keys()], [], what);
  }
  // What a killed git left is nobody's when control starts, and goes then.
  const objects = join(s.repository.path, 'objects');
  const arriving = () => readdirSync(objects).filter((name) => /^(?:tmp_objdir|incoming)-/.test(name));
  const long = Date.now() / 1000 - 3600;
  for (const name of arriving()) utimesSync(join(objects, name), long, long);
  await removeQuarantines(dirname(s.repository.path));
  assert.deepEqual(arriving(), []);
  assert.equal((await s.git('push', 'origin', 'main')).code, 0);
  assert.equal(await s.mainline.tip(), (await s.git('rev-parse', 'HEAD')).stdout.trim());
});

test('D10: a token that is revoked while its push is sent moves no ref, of main or another', async () => {
  let isGood = true;
  await using s = await stage(undefined, undefined, { mayPush: () => isGood });
  await s.commit(Buffer.from('some content\n'.repeat(500)));
  const body = await s.pushBody('x');
  const parts = (async function* () {
    yield body.subarray(0, body.length - 30);
    // Revoked when all but the end is there.
    isGood = false;
    yield body.subarray(body.length - 30);
  })();
  assert.match(
    (await post(s, 'git-receive-pack', Readable.from(parts))).text,
    /the token may not push any more|pre-receive hook declined/,
  );
  await nothingIsLeft(s, 'revoked');
  const main = await s.git('push', 'origin', 'main');
  assert.match(main.stderr, /the token may not push any more[\s\S]*pre-receive hook declined/);
  await nothingIsLeft(s, 'revoked');
  isGood = true;
  assert.equal((await s.git('push', 'origin', 'main', 'main:x')).code, 0);
});

test('D8: a client that neither reads nor sends is cut off, and its git is gone', { timeout: 60_000 }, async () => {
  await using s = await stage(undefined, undefined, {
    limits: { ...gitLimits, readIdleMs: 150, bodyIdleMs: 150, fetchMs: 60_000 },
  });
  await s.git('config', 'core.compression', '0');
  const id = await s.commit(randomBytes(20_000_000));
  assert.equal((await s.git('push', 'origin', 'main')).code, 0);
  const wanted = Buffer.concat([encodePkt(`want ${id}\n`), flushPkt, encodePkt('done\n')]);
  const reader = httpRequest(`${s.url}/git-upload-pack`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-git-upload-pack-request' },
  });
  reader.on('error', () => {});
  reader.on('response', (response) => response.on('error', () => {}).pause());
  reader.end(wanted);
  await new Promise((resolve) => reader.once('response', resolve));
  const { code, isDisconnected } = await s.state.served.at(-1)!;
  reader.destroy();
  assert.deepEqual([code, isDisconnected], [null, true]);
  const sender = httpRequest(`${s.url}/git-receive-pack`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-git-receive-pack-request' },
  });
  sender.on('error', () => {});
  const count = s.state.served.length;
  sender.write('0094');
  while (s.state.served.length === count) await pause(5);
  assert.equal((await s.state.served.at(-1)!).isDisconnected, true);
});

test('D8: a fetch has an end, however slowly it is read', { timeout: 60_000 }, async () => {
  await using s = await stage(undefined, undefined, { limits: { ...gitLimits, fetchMs: 700 } });
  await s.git('config', 'core.compression', '0');
  const id = await s.commit(randomBytes(20_000_000));
  assert.equal((await s.git('push', 'origin', 'main')).code, 0);
  const wanted = Buffer.concat([encodePkt(`want ${id}\n`), flushPkt, encodePkt('done\n')]);
  const slow = httpRequest(`${s.url}/git-upload-pack`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-git-upload-pack-request' },
  });
  slow.on('error', () => {});
  // A chunk now and then: never idle, never done.
  slow.on('response', (response) => {
    response
      .on('error', () => {})
      .on('data', () => {
        response.pause();
        setTimeout(() => response.resume(), 40);
      });
  });
  slow.end(wanted);
  await new Promise((resolve) => slow.once('response', resolve));
  const { code, isDisconnected } = await s.state.served.at(-1)!;
  slow.destroy();
  assert.deepEqual([code, isDisconnected], [null, true]);
});
