import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { tarEntries } from '../../lib/tar-entries.ts';
import { compareLayers, layersOfArchive } from './layer-contents.ts';

type Files = Readonly<Record<string, string>>;

/** As GNU tar packs a folder. */
function pack(files: Files, { at = 1_000_000, form = 'gnu', change = (_folder: string) => {} } = {}): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-tar-'));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text, { encoding: 'latin1' });
      utimesSync(join(folder, path), at, at);
    }
    change(folder);
    const words = ['--create', `--format=${form}`, '--sort=name', '--owner=0', '--group=0', '-C', folder];
    return execFileSync('tar', [...words, ...Object.keys(files)], { maxBuffer: 64 * 1024 ** 2 });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function* cut(bytes: Buffer, step: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
}

/** As an engine gives an image. */
const image = (...layers: Buffer[]): Buffer =>
  pack({
    ...Object.fromEntries(layers.map((layer, at) => [`${at}/layer.tar`, layer.toString('latin1')])),
    'config.json': '{"a":1}',
    'manifest.json': JSON.stringify([{ Layers: layers.map((_, at) => `${at}/layer.tar`) }]),
  });

test('entries are read in every form, with long names and whatever way they come in', async () => {
  const long = `${'deep/'.repeat(50)}${'n'.repeat(120)}ä.txt`;
  const files = { 'a.txt': 'a', [long]: 'b'.repeat(3000), link: '' };
  const change = (folder: string): void => {
    rmSync(join(folder, 'link'));
    symlinkSync('t'.repeat(150), join(folder, 'link'));
    chmodSync(join(folder, 'a.txt'), 0o755);
  };
  for (const form of ['gnu', 'pax'])
    for (const step of [7, 512, 100_000]) {
      const seen: [string, string, number, string][] = [];
      for await (const { head, content } of tarEntries(cut(pack(files, { form, change }), step))) {
        const pieces: Buffer[] = [];
        if (head.path !== 'a.txt') for await (const piece of content) pieces.push(piece);
        seen.push([head.path, head.type, head.mode & 0o777, head.link || Buffer.concat(pieces).toString()]);
      }
      assert.deepEqual(
        seen.sort(),
        [
          ['a.txt', '0', 0o755, ''],
          [long, '0', 0o644, 'b'.repeat(3000)],
          ['link', '2', 0o777, 't'.repeat(150)],
        ].sort(),
        `${form} ${step}`,
      );
    }
});

test('what breaks off, or is no archive, is an error', async () => {
  const whole = pack({ 'a.txt': 'a'.repeat(5000) });
  const read = async (bytes: Buffer): Promise<void> => {
    for await (const _entry of tarEntries(cut(bytes, 512)));
  };
  await assert.rejects(read(whole.subarray(0, 2048)), /breaks off/);
  await assert.rejects(read(Buffer.alloc(512, 1)), /no tar archive/);
  await read(whole);
});

test('layers that hold the same files at other times are told from those that hold others', async () => {
  const [base, app] = [pack({ 'bin/sh': 'sh' }), { 'app/a.py': 'a', 'app/b.py': 'b' }];
  const read = (bytes: Buffer) => layersOfArchive(cut(bytes, 4096));
  const one = await read(image(base, pack(app), pack({ 'x/y': 'y' })));
  assert.deepEqual(
    one.map((layer) => [...layer.keys()].sort()),
    [['bin/sh'], ['app/a.py', 'app/b.py'], ['x/y']],
  );
  const other = await read(image(base, pack(app, { at: 2_000_000 }), pack({ 'x/y': 'z', 'x/new': '' })));
  assert.deepEqual(compareLayers(one, other), [
    { layer: 1, files: 1, differing: [], otherTimes: 0 },
    { layer: 2, files: 2, differing: [], otherTimes: 2 },
    { layer: 3, files: 2, differing: ['x/new', 'x/y'], otherTimes: 0 },
  ]);
  assert.equal(compareLayers(one, one.slice(1)), null);
  const zipped = await read(image(base, gzipSync(pack(app)), pack({ 'x/y': 'y' })));
  assert.deepEqual(
    compareLayers(one, zipped)?.flatMap(({ differing }) => differing),
    [],
  );
});

test('mode, owner and target of a link count, too', async () => {
  const files = { 'a.txt': 'a' };
  const read = (layer: Buffer) => layersOfArchive(cut(image(layer), 4096));
  const changed = pack(files, { change: (folder) => chmodSync(join(folder, 'a.txt'), 0o600) });
  const [difference] = compareLayers(await read(pack(files)), await read(changed))!;
  assert.deepEqual(difference!.differing, ['a.txt']);
});
