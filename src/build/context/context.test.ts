import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fc, holdsAsync } from '../../../test/support/fuzz.ts';
import type { OutgoingFile } from '../../domain/agent.ts';
import { isFailure } from '../../domain/errors.ts';
import type { TreeId } from '../../domain/ids.ts';
import { openRepository } from '../../git/repository.ts';
import { BlobCache, openGitTree } from '../git-tree.ts';
import { contextOf } from './context.ts';
import { readIgnore } from './ignore.ts';

const folder = mkdtempSync(join(tmpdir(), 'lockstep-context-'));
after(() => rmSync(folder, { recursive: true, force: true }));
let count = 0;

async function* listed(files: readonly OutgoingFile[]): AsyncGenerator<OutgoingFile> {
  yield* files;
}

const file = (path: string | Buffer, content = 'x', mode: OutgoingFile['mode'] = '100644'): OutgoingFile => {
  const bytes = Buffer.from(content);
  return { path: Buffer.isBuffer(path) ? path : Buffer.from(path), mode, size: bytes.length, content: bytes };
};

async function bytesOf(
  files: AsyncIterable<OutgoingFile>,
  more: { ignore?: string; caps?: { entries: number; totalBytes: number; pathBytes: number } } = {},
) {
  const chunks: Buffer[] = [];
  const { ignore = '', caps } = more;
  for await (const chunk of contextOf({
    files,
    ignores: readIgnore(ignore),
    dockerfile: 'FROM a\n',
    ...(caps ? { caps } : {}),
  }))
    chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** As the machine's own tar unpacks it. */
function unpacked(tar: Buffer): { at: string; names: string[] } {
  count += 1;
  const at = join(folder, String(count));
  mkdirSync(at);
  execFileSync('tar', ['-x', '-C', at, '-f', '-'], { input: tar });
  const names = execFileSync('tar', ['-t', '--quoting-style=literal', '-f', '-'], { input: tar, encoding: 'latin1' });
  return { at, names: names.split('\n').filter((name) => name !== '' && !name.endsWith('/')) };
}

test('a tree of git arrives as it is: programs, links as links, folders that only we may write, nothing that is ignored', async () => {
  const source = join(folder, 'source');
  mkdirSync(join(source, 'src', 'deep'), { recursive: true });
  writeFileSync(join(source, 'src', 'deep', 'a.py'), 'print(1)\n');
  writeFileSync(join(source, 'run'), '#!/bin/sh\n', { mode: 0o755 });
  writeFileSync(join(source, 'secret.env'), 'KEY=1\n');
  writeFileSync(join(source, 'big.bin'), Buffer.alloc(700_000, 7));
  writeFileSync(join(source, 'Dockerfile'), '# syntax=docker/dockerfile:1\nFROM b\n');
  symlinkSync('/etc/passwd', join(source, 'leads-away'));
  symlinkSync(`../${'x'.repeat(150)}`, join(source, 'src', 'long'));
  const git = (...words: string[]) => execFileSync('git', ['-C', source, ...words], { encoding: 'utf8' }).trim();
  git('init', '-q');
  git('add', '-A');
  const tree = git('write-tree') as TreeId;
  const repository = await openRepository(join(folder, 'app.git'), {});
  writeFileSync(join(repository.path, 'objects', 'info', 'alternates'), `${join(source, '.git', 'objects')}\n`);
  const opened = await openGitTree(repository.git, new BlobCache(), tree, new AbortController().signal);
  const first = await bytesOf(opened.files(), { ignore: '*.env\n' });
  assert.deepEqual(first, await bytesOf(opened.files(), { ignore: '*.env\n' }));
  const { at, names } = unpacked(first);
  assert.deepEqual(names.sort(), ['Dockerfile', 'big.bin', 'leads-away', 'run', 'src/deep/a.py', 'src/long']);
  assert.equal(readFileSync(join(at, 'Dockerfile'), 'utf8'), 'FROM a\n');
  assert.equal(readlinkSync(join(at, 'leads-away')), '/etc/passwd');
  assert.equal(readlinkSync(join(at, 'src', 'long')).length, 153);
  assert.deepEqual(readFileSync(join(at, 'big.bin')), Buffer.alloc(700_000, 7));
  assert.equal(lstatSync(join(at, 'run')).mode & 0o777, 0o755);
  assert.equal(lstatSync(join(at, 'src', 'deep')).mode & 0o777, 0o755);
  assert.equal(lstatSync(join(at, 'src')).uid, process.getuid?.() ?? 0);
});

test('names that only a tree written by hand can hold are refused', async () => {
  for (const path of [
    '../x',
    'a/../../x',
    '/x',
    'a//b',
    './a',
    '.git/config',
    'a/.GIT/hooks/x',
    '',
    'a\0b',
    'x'.repeat(1025),
  ])
    await assert.rejects(bytesOf(listed([file(path)])), (error) => isFailure(error, 'tree-refused'), path);
  await assert.rejects(bytesOf(listed([file('a', 'x'.repeat(4097), '120000')])), (error) =>
    isFailure(error, 'tree-refused'),
  );
});

test('too many files, or bytes, end the context before they are sent; what is ignored does not count', async () => {
  const caps = { entries: 2, totalBytes: 10, pathBytes: 100 };
  await assert.rejects(bytesOf(listed([file('a'), file('b'), file('c')]), { caps }), (error) =>
    isFailure(error, 'too-large'),
  );
  await assert.rejects(bytesOf(listed([file('a', 'x'.repeat(11))]), { caps }), (error) =>
    isFailure(error, 'too-large'),
  );
  assert.ok(await bytesOf(listed([file('a'), file('b'), file('c')]), { caps, ignore: 'c\n' }));
});

test('who gives a context up ends the reading of the tree', async () => {
  let ended = 0;
  async function* endless(): AsyncGenerator<OutgoingFile> {
    try {
      for (let at = 0; ; at += 1) yield file(`f${at}`);
    } finally {
      ended += 1;
    }
  }
  for await (const _ of contextOf({ files: endless(), ignores: () => false, dockerfile: '' })) break;
  assert.equal(ended, 0, 'nothing of it was read yet');
  let chunks = 0;
  for await (const _ of contextOf({ files: endless(), ignores: () => false, dockerfile: '' })) {
    chunks += 1;
    if (chunks > 5) break;
  }
  assert.equal(ended, 1);
});

test('names of any bytes arrive as they are', async () => {
  const part = fc.uint8Array({ minLength: 1, maxLength: 120 }).map((bytes) =>
    // No NUL, slash or line end (tar's own list is by lines), and none of the names that are refused.
    Buffer.from(bytes.map((byte) => (byte === 0 || byte === 47 || byte === 10 || byte === 46 ? 97 : byte))),
  );
  const path = fc
    .array(part, { minLength: 1, maxLength: 4 })
    .map((parts) => Buffer.from(parts.map((one) => one.toString('latin1')).join('/'), 'latin1'));
  await holdsAsync(path, 40, async (name) => {
    const { names } = unpackedNames(await bytesOf(listed([file(name, 'content')])));
    assert.deepEqual(names, ['Dockerfile', name.toString('latin1')]);
  });
});

function unpackedNames(tar: Buffer): { names: string[] } {
  const said = execFileSync('tar', ['-t', '--quoting-style=literal', '-f', '-'], {
    input: tar,
    encoding: 'latin1',
    env: { PATH: process.env.PATH, LC_ALL: 'C' },
  });
  return { names: said.split('\n').filter((name) => name !== '' && !name.endsWith('/')) };
}
