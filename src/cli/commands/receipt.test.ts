// `lockstep receipt --verify` needs a file and a key, and nothing else: no server, no home.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Receipt } from '../../domain/receipt.ts';
import { signReceipt } from '../../proof/receipt-text.ts';
import { signerOf } from '../../proof/signing-key.ts';
import { makePlace } from '../fake-place.ts';

const signer = signerOf(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
const id = (prefix: string) => `${prefix}_01JD5Z7Q0G9V1M8XK3T2R4W6YB`;
const file = signReceipt(
  {
    format: 'lockstep-receipt/1',
    app: { id: id('app'), name: 'blog' },
    release: { id: id('rel'), version: 2, cause: 'config', actor: 'ow\u001b]ner', liveAt: '2026-01-31T12:00:00.000Z' },
    change: null,
    commit: 'b'.repeat(40),
    tree: 'c'.repeat(40),
    artifact: `sha256:${'d'.repeat(64)}`,
    config: { version: 3, hash: `hmac-sha256:${'e'.repeat(64)}` },
    verdict: null,
    moments: {},
    madeAt: '2026-01-31T12:00:01.000Z',
  } as unknown as Receipt,
  signer,
);

test('a receipt is verified where there is no home and no server', async () => {
  using place = makePlace(null);
  rmSync(place.home, { recursive: true });
  writeFileSync(join(place.work, 'v2.receipt'), file);
  writeFileSync(join(place.work, 'lockstep.pub'), signer.pem);
  const verify = (...more: string[]) =>
    place.run(['receipt', '--verify', 'v2.receipt', '--key', 'lockstep.pub', ...more]);
  const good = await verify();
  assert.equal(good.code, 0, good.err);
  assert.match(good.out, /^the receipt holds: blog v2, bbbbbbbb, config by ow\]ner\n/);
  assert.deepEqual(JSON.parse((await verify('--json')).out).keyId, signer.keyId);
  writeFileSync(join(place.work, 'v2.receipt'), file.replace('"blog"', '"blag"'));
  const bad = await verify();
  assert.deepEqual([bad.code, bad.out], [65, '']);
  assert.match(bad.err, /does not hold: the signature/);
});

test('a verification without a key, or of a file that is not there, says what to do', async () => {
  using place = makePlace(null);
  for (const [words, said] of [
    [['--verify', 'x'], /--key PUB/],
    [['--key', 'x'], /--verify FILE/],
    [['--verify', 'absent', '--key', 'absent'], /absent cannot be read \(ENOENT\)/],
  ] as const) {
    const ran = await place.run(['receipt', ...words]);
    assert.equal(ran.code, 64);
    assert.match(ran.err, said);
  }
});
