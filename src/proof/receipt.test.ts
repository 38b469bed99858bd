// Receipts hold as they were signed, and in no other way: every member changed, every byte cut, other keys, other files.
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ImageId } from '../domain/ids.ts';
import type { Receipt } from '../domain/receipt.ts';
import { run } from '../exec/exec.ts';
import { canonicalJson } from '../lib/canonical-json.ts';
import { bodyOf, signReceipt, verifyReceipt } from './receipt-text.ts';
import { openSigner, type Signer, signerOf } from './signing-key.ts';

const newSigner = (): Signer =>
  signerOf(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());

const sample = {
  format: 'lockstep-receipt/1',
  app: { id: 'app_01JD5Z7Q0G9V1M8XK3T2R4W6YB', name: 'blog' },
  release: {
    id: 'rel_01JD5Z7Q0G9V1M8XK3T2R4W6YB',
    version: 12,
    cause: 'deploy',
    actor: 'owner é\u2028',
    liveAt: '2026-01-31T12:00:00.000Z',
  },
  change: {
    id: 'chg_01JD5Z7Q0G9V1M8XK3T2R4W6YB',
    number: 14,
    how: 'push',
    branch: 'main',
    base: 'a'.repeat(40),
    head: 'b'.repeat(40),
    isMemoised: false,
  },
  commit: 'b'.repeat(40),
  tree: 'c'.repeat(40),
  artifact: `sha256:${'d'.repeat(64)}`,
  config: { version: 3, hash: `hmac-sha256:${'e'.repeat(64)}` },
  verdict: {
    outcome: 'passed',
    checks: [
      {
        kind: 'tests',
        name: 'tests',
        outcome: 'passed',
        summary: '24 tests, 97 % coverage',
        metrics: { coverageLines: 0.97, testsRun: 24 },
        findingCount: 0,
        durationMs: 412.5,
      },
    ],
  },
  moments: { received: 1_769_860_800_000.125, advanced: 1_769_860_800_700 },
  madeAt: '2026-01-31T12:00:01.000Z',
} as unknown as Receipt;

const signer = newSigner();
const file = signReceipt(sample, signer);
const holds = (text: string | Uint8Array, key = signer.pem) => verifyReceipt(Buffer.from(text as string), key);
const refuses = (text: string | Uint8Array, why: RegExp, key = signer.pem) =>
  assert.throws(() => holds(text, key), { code: 'bad-receipt', message: why });

/** Every value that is no object, with its path. */
function leaves(value: unknown, path: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([key, one]) =>
    leaves(one, [...path, Array.isArray(value) ? Number(key) : key]),
  );
}

function changedAt(path: readonly (string | number)[]): Receipt {
  const copy = structuredClone(sample) as unknown as Record<string | number, unknown>;
  let at = copy;
  for (const key of path.slice(0, -1)) at = at[key] as typeof at;
  const last = path.at(-1)!;
  const value = at[last];
  at[last] = typeof value === 'number' ? value + 1 : typeof value === 'boolean' ? !value : `${value}0`;
  return copy as unknown as Receipt;
}

test('a receipt that was signed holds, and says what it said', () => {
  assert.deepEqual(holds(file), { receipt: sample, keyId: signer.keyId });
  assert.deepEqual(bodyOf(file), sample);
  assert.equal(signReceipt(structuredClone(sample), signer), file, 'the same words give the same bytes');
});

test('one of an image says which, in a format of its own', () => {
  const image = `sha256:${'f'.repeat(64)}` as ImageId;
  const ofImage: Receipt = { ...sample, format: 'lockstep-receipt/2', image };
  assert.deepEqual(holds(signReceipt(ofImage, signer)).receipt, ofImage);
  // Neither format takes the other's members.
  for (const odd of [
    { ...sample, image },
    { ...sample, format: 'lockstep-receipt/2' as const },
    { ...ofImage, image: 'latest' as ImageId },
  ])
    refuses(signReceipt(odd, signer), /not one that this program knows/);
});

test('each member that is changed after the signature is noticed', () => {
  const paths = leaves(sample);
  assert.ok(paths.length > 30);
  const tail = file.slice(file.indexOf('-- lockstep-signature'));
  for (const path of paths) refuses(`${canonicalJson(changedAt(path))}\n${tail}`, /something was changed/);
});

test('a receipt that is cut, longer, or has any one bit flipped does not hold', () => {
  const bytes = Buffer.from(file);
  for (let at = 0; at < bytes.length; at += 7) refuses(bytes.subarray(0, at), /does not hold/);
  refuses(bytes.subarray(0, -1), /not a whole one/);
  refuses(`${file}\n`, /not a whole one/);
  refuses(file + file, /does not hold/);
  for (let at = 0; at < bytes.length; at += 1) {
    const flipped = Buffer.from(bytes);
    flipped[at]! ^= 1 << (at % 8);
    refuses(flipped, /does not hold/);
  }
  refuses(Buffer.alloc(1024 * 1024 + 1, 32), /larger/);
});

test('another key, no key, and what is no receipt are told apart', () => {
  refuses(file, /was signed by sha256:/, newSigner().pem);
  refuses(file, /not an Ed25519 public key/, 'nonsense');
  refuses(
    file,
    /not an Ed25519 public key/,
    generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  );
  const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ type: 'spki', format: 'pem' });
  refuses(file, /not an Ed25519 public key/, rsa.toString());
  refuses('{"hello": "world"}\n', /no receipt/);
  refuses(file.replace(signer.keyId, newSigner().keyId), /was signed by/);
});

test('what our own key signed in another form does not hold either', () => {
  const signed = (body: string) =>
    `${body}-- lockstep-signature ed25519 ${signer.keyId}\n${signer.sign(Buffer.from(body)).toString('base64')}\n`;
  refuses(signed('{\n  "hello": "world"\n}\n'), /not one that this program knows/);
  const doubled = `${canonicalJson(sample)}\n`.replace('  "madeAt"', '  "commit": "x",\n  "madeAt"');
  refuses(signed(doubled), /form/);
  refuses(signed(`${JSON.stringify(sample, null, 2)}\n`), /canonical/);
});

test('openssl alone and ten lines of node verify it, as docs/receipts.md says', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-receipt-'));
  try {
    const path = (name: string) => join(folder, name);
    const at = file.indexOf('-- lockstep-signature ');
    writeFileSync(path('body'), file.slice(0, at));
    writeFileSync(path('signature'), Buffer.from(file.trimEnd().split('\n').at(-1)!, 'base64'));
    writeFileSync(path('key.pem'), signer.pem);
    assert.ok(verify(null, readFileSync(path('body')), createPublicKey(signer.pem), readFileSync(path('signature'))));
    const openssl = [
      'openssl',
      'pkeyutl',
      '-verify',
      '-pubin',
      '-inkey',
      path('key.pem'),
      '-rawin',
      '-in',
      path('body'),
    ];
    const said = await run([...openssl, '-sigfile', path('signature')], { env: { PATH: process.env.PATH! } });
    assert.match(said.stdout, /Signature Verified Successfully/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('the key is made once, for its owner only, and a file that is none is not replaced', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-key-'));
  try {
    const path = join(folder, 'receipt.key');
    const made = await openSigner(path);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal((await openSigner(path)).keyId, made.keyId);
    writeFileSync(path, 'damaged');
    await assert.rejects(openSigner(path));
    assert.equal(readFileSync(path, 'utf8'), 'damaged');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('the config hash shows equality within an app and an installation, and nothing else', () => {
  const hash = signer.configHash('app_1', { A: '1', B: '2' });
  assert.equal(signer.configHash('app_1', { B: '2', A: '1' }), hash);
  assert.notEqual(signer.configHash('app_1', { A: '1', B: '3' }), hash);
  assert.notEqual(signer.configHash('app_2', { A: '1', B: '2' }), hash);
  assert.notEqual(newSigner().configHash('app_1', { A: '1', B: '2' }), hash);
});

test('canonical JSON has one text for one value', () => {
  const check = (value: unknown, expected: string) => assert.equal(canonicalJson(value), expected);
  check({ 10: 1, 9: [], b: {}, a: null }, '{\n  "10": 1,\n  "9": [],\n  "a": null,\n  "b": {}\n}');
  check([1.5, -0, 1e21, 'é"\n'], '[\n  1.5,\n  0,\n  1e+21,\n  "é\\"\\n"\n]');
  check(JSON.parse('{"__proto__": 1}'), '{\n  "__proto__": 1\n}');
  for (const value of [Number.NaN, undefined, { a: undefined }, 1n])
    assert.throws(() => canonicalJson(value), TypeError);
});
