// The stream that a tree travels in: what was encoded is what is decoded, however it is cut; any other bytes are tree-refused or
// too-large, and what is let through would stay within its folder.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anyText, fc, holdsAsync, inPieces, parsedOrRefusedAsync, streamOf } from '../../../test/support/fuzz.ts';
import { refuseLeavingLinks } from './link-check.ts';
import { decodeTree, encodeTree, type TreeFile, type TreeMode } from './tree-stream.ts';

const caps = { entries: 20, totalBytes: 2000, pathBytes: 64 };
const part = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('a', 'b', 'c', 'A', 'é', 'con', 'a.b') },
  { weight: 1, arbitrary: fc.constantFrom('..', '.', '', '.git', '.GIT', '/', 'a\0', 'x'.repeat(70), '\n', '-rf') },
);
const path = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => Buffer.from(parts.join('/')));
const mode = fc.constantFrom<TreeMode>('100644', '100755', '120000');
const content = fc.oneof(
  fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
  anyText(['..', '/', 'a', 'b', '.', '/etc/passwd'], 6).map((text) => Buffer.from(text)),
);
const file: fc.Arbitrary<TreeFile> = fc
  .tuple(mode, path, content)
  .map(([one, at, bytes]) => ({ mode: one, path: at, size: bytes.length, content: bytes }));

type Seen = { mode: string; path: string; content: string };

async function read(pieces: Iterable<Uint8Array>): Promise<Seen[]> {
  const seen: Seen[] = [];
  for await (const one of decodeTree(streamOf(pieces), caps)) {
    const parts: Buffer[] = [];
    for await (const chunk of one.content) parts.push(Buffer.from(chunk));
    assert.equal(Buffer.concat(parts).length, one.size);
    seen.push({ mode: one.mode, path: one.path.toString('latin1'), content: Buffer.concat(parts).toString('latin1') });
  }
  refuseLeavingLinks(
    seen
      .filter((one) => one.mode === '120000')
      .map((one) => ({ path: Buffer.from(one.path, 'latin1'), target: Buffer.from(one.content, 'latin1') })),
  );
  return seen;
}

async function encoded(files: readonly TreeFile[]): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const piece of encodeTree(files)) parts.push(Buffer.from(piece));
  return Buffer.concat(parts);
}

/** What any tree that was let through must fulfil, said again in other words than the decoder's. */
function isHarmless(seen: readonly Seen[]): void {
  const names = new Set(seen.map((one) => one.path));
  assert.equal(names.size, seen.length);
  for (const { path: at } of seen) {
    const parts = at.split('/');
    assert.ok(
      parts.every((one) => one !== '' && one !== '.' && one !== '..' && !/^\.git$/i.test(one)),
      at,
    );
    for (let depth = 1; depth < parts.length; depth += 1)
      assert.ok(!names.has(parts.slice(0, depth).join('/')), `${at} is below a file or a link`);
  }
  for (const { mode: one, path: at, content: target } of seen) {
    if (one !== '120000') continue;
    assert.ok(!target.startsWith('/') && !target.includes('\0'));
    // The plain reading, with no other link on the way: depth never falls below the tree.
    let depth = at.split('/').length - 1;
    if (names.has(target)) continue;
    for (const step of target.split('/')) depth += step === '..' ? -1 : step === '' || step === '.' ? 0 : 1;
    const isThroughLink = seen.some((other) => other.mode === '120000' && other !== seen.find((s) => s.path === at));
    if (!isThroughLink) assert.ok(depth >= 0, `${at} -> ${target}`);
  }
}

test('a tree is the one that was sent, however it is cut, or is refused whole and for good', async () => {
  const input = fc.tuple(fc.array(file, { maxLength: 6 }), fc.array(fc.nat(), { maxLength: 8 }));
  await holdsAsync(input, 3000, async ([files, cuts]) => {
    const whole = await encoded(files);
    const seen = await parsedOrRefusedAsync(() => read(inPieces(whole, cuts)), 'tree-refused', 'too-large');
    assert.deepEqual(await parsedOrRefusedAsync(() => read([whole]), 'tree-refused', 'too-large'), seen);
    if (seen === null) return;
    assert.deepEqual(
      seen.value,
      files.map((one) => ({
        mode: one.mode,
        path: one.path.toString('latin1'),
        content: (one.content as Buffer).toString('latin1'),
      })),
    );
    isHarmless(seen.value);
  });
});

test('bytes that were changed, cut or added on the way are another harmless tree or refused', async () => {
  const input = fc.tuple(fc.array(file, { maxLength: 4 }), fc.nat(), fc.uint8Array({ maxLength: 5 }), fc.nat(9));
  await holdsAsync(input, 3000, async ([files, at, other, dropped]) => {
    const whole = await encoded(files);
    const where = at % (whole.length + 1);
    const bytes = Buffer.concat([whole.subarray(0, where), other, whole.subarray(where + dropped)]);
    const seen = await parsedOrRefusedAsync(() => read([bytes]), 'tree-refused', 'too-large');
    if (seen !== null) isHarmless(seen.value);
  });
});

test('a header that announces what never comes costs nothing', async () => {
  const head = Buffer.alloc(17);
  head.write('F', 0, 'latin1');
  head.writeUInt32BE(0o100644, 1);
  for (const [pathLength, size] of [
    [4, 2n ** 63n],
    [0xffff_ffff, 4n],
    [0xffff_ffff, 2n ** 64n - 1n],
    [4, 1999n],
  ] as const) {
    head.writeUInt32BE(pathLength, 5);
    head.writeBigUInt64BE(size, 9);
    const bytes = Buffer.concat([Buffer.from('LSTREE1\n'), head, Buffer.from('path')]);
    assert.equal(await parsedOrRefusedAsync(() => read([bytes]), 'tree-refused', 'too-large'), null);
  }
});
