// The outer form: what was written comes back, and nothing else is taken for it.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isEncrypted, readContainer, writeContainer } from './container.ts';
import { isPlainPath } from './entries.ts';

const folder = mkdtempSync(join(tmpdir(), 'lockstep-container-'));
after(() => rmSync(folder, { recursive: true }));
const path = join(folder, 'file');
const passphrase = 'correct horse battery';
const cost = 2 ** 10;

async function write(pieces: readonly Uint8Array[], secret: string | null): Promise<Buffer> {
  const handle = await open(path, 'w');
  const container = await writeContainer(handle, secret, cost);
  for (const piece of pieces) await container.write(piece);
  await container.end();
  await handle.close();
  return readFileSync(path);
}

async function read(bytes: Uint8Array, secret: string | null): Promise<Buffer> {
  writeFileSync(path, bytes);
  await using handle = await open(path, 'r');
  const chunks: Buffer[] = [];
  for await (const chunk of readContainer(handle, secret)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const refuses = (bytes: Uint8Array, secret: string | null, why: RegExp) =>
  assert.rejects(read(bytes, secret), { code: 'bad-backup', message: why });

const content = Buffer.alloc(600_000, 'the content of a backup, '); // two whole chunks and a part

for (const secret of [passphrase, null]) {
  const form = secret === null ? 'in the clear' : 'encrypted';

  test(`what was written ${form} comes back byte for byte, at every size about a chunk`, async () => {
    for (const bytes of [0, 1, 262_143, 262_144, 262_145, 600_000]) {
      const one = content.subarray(0, bytes);
      const file = await write([one.subarray(0, 10), one.subarray(10)], secret);
      assert.ok((await read(file, secret)).equals(one), `${bytes}`);
      assert.equal(file.includes('the content'), secret === null && bytes > 11);
    }
  });

  test(`a file ${form} that was cut, changed, reordered or lengthened is refused`, async () => {
    const file = await write([content], secret);
    for (let at = 0; at < file.length; at += 9973) await refuses(file.subarray(0, at), secret, /cut short|no backup/);
    await refuses(file.subarray(0, -1), secret, /cut short/);
    await refuses(Buffer.concat([file, Buffer.alloc(1)]), secret, /added at its end/);
    for (let at = 0; at < file.length; at += 4993) {
      const flipped = Buffer.from(file);
      flipped[at]! ^= 0x10;
      await refuses(flipped, secret, /./);
    }
    const start = 16 + 4 + file.readUInt32BE(16);
    const size = 4 + 262_144 + (secret === null ? 32 : 16);
    const [head, one, two, rest] = [
      file.subarray(0, start),
      file.subarray(start, start + size),
      file.subarray(start + size, start + 2 * size),
      file.subarray(start + 2 * size),
    ];
    await refuses(Buffer.concat([head, two!, one!, rest!]), secret, /damaged/);
    await refuses(Buffer.concat([head, one!, rest!]), secret, /damaged/);
    await refuses(Buffer.concat([head, one!, one!, two!, rest!]), secret, /damaged/);
    // The last chunk of a shorter file cannot end a longer one.
    const shorter = await write([content.subarray(0, 10)], secret);
    await refuses(Buffer.concat([head, one!, shorter.subarray(start)]), secret, /damaged/);
  });
}

test('a passphrase that is wrong, missing or not needed is said to be so', async () => {
  const sealed = await write([content], passphrase);
  await refuses(sealed, 'another one', /passphrase is wrong/);
  await refuses(sealed, null, /it is encrypted/);
  const clear = await write([content], null);
  await refuses(clear, passphrase, /not encrypted/);
  for (const [file, expected] of [
    [sealed, true],
    [clear, false],
  ] as const) {
    writeFileSync(path, file);
    await using handle = await open(path, 'r');
    assert.equal(await isEncrypted(handle), expected);
  }
  assert.notDeepEqual(await write([content], passphrase), sealed, 'two of the same have nothing in common');
});

test('a header that asks for too much, is of another format or of none is refused', async () => {
  const header = (value: unknown) => {
    const text = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(text.length);
    return Buffer.concat([Buffer.from('LOCKSTEP-BACKUP\n'), length, text, Buffer.alloc(100)]);
  };
  const kdf = { name: 'scrypt', n: 2 ** 10, r: 8, p: 1, salt: 'A'.repeat(22) };
  const cipher = 'aes-256-gcm';
  await refuses(header({ format: 2, anything: 1 }), null, /newer Lockstep/);
  for (const value of [
    '{',
    [],
    { format: 1, cipher, kdf: { ...kdf, n: 2 ** 30 } },
    { format: 1, cipher, kdf: { ...kdf, r: 1000 } },
    { format: 1, cipher, kdf: null },
    { format: 1, cipher: 'none', kdf },
    { format: 1, cipher: 'rot13', kdf },
    'x'.repeat(5000),
  ])
    await refuses(header(value), passphrase, /damaged/);
  await refuses(Buffer.from('PK\u0003\u0004 something else entirely'), null, /no backup of Lockstep/);
});

test('a path in a volume is plain, or none', () => {
  const check = (text: string | Buffer, expected: boolean) =>
    assert.equal(isPlainPath(Buffer.from(text as string)), expected);
  for (const text of ['a', 'a/b/c', ' ', '...', 'a..b', '-rf', Buffer.from([0xff, 0x2f, 0xfe])]) check(text, true);
  for (const text of ['', '/', '/etc/passwd', '..', '../x', 'a/../x', 'a/..', './a', 'a//b', 'a/', 'a\0b'])
    check(text, false);
  check('a/'.repeat(199).slice(0, -1), true);
  check('a/'.repeat(300).slice(0, -1), false);
  check('x'.repeat(256), false);
});
