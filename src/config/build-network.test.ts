import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isFailure } from '../domain/errors.ts';
import { buildNetworkOf, plainNetwork } from './build-network.ts';

test('proxies are those that a build can reach, and exceptions from them only where there is one', () => {
  assert.deepEqual(buildNetworkOf({ PATH: '/bin', NO_PROXY: 'x', HTTP_PROXY: '' }), plainNetwork);
  const { proxies } = buildNetworkOf({
    https_proxy: 'http://ann:pass@proxy:3128',
    NO_PROXY: 'localhost',
    FOO_PROXY: 'x',
  });
  assert.deepEqual(proxies, { https_proxy: 'http://ann:pass@proxy:3128', NO_PROXY: 'localhost' });
  for (const near of ['http://127.0.0.1:3128', 'localhost:1', 'socks5://a@[::1]:9/'])
    assert.deepEqual(buildNetworkOf({ ALL_PROXY: near, NO_PROXY: 'x' }).proxies, {}, near);
});

test('a bundle is read whole; what is none, or holds a key, is refused with what to name', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-ca-'));
  try {
    const file = join(folder, 'ca.pem');
    const of = (text: string) => {
      writeFileSync(file, text);
      return buildNetworkOf({ LOCKSTEP_CA_BUNDLE: file }).certificates;
    };
    const certificate = '-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n';
    assert.equal(of(certificate), certificate);
    const refuses = (work: () => unknown, why: RegExp) =>
      assert.throws(work, (error) => isFailure(error, 'bad-request') && why.test(error.message));
    refuses(() => of('nothing'), /no certificate/);
    refuses(() => of(`${certificate}-----BEGIN PRIVATE KEY-----\n`), /private key/);
    refuses(() => of(certificate.repeat(20_000)), /more than/);
    refuses(() => buildNetworkOf({ LOCKSTEP_CA_BUNDLE: 'ca.pem' }), /absolute/);
    refuses(() => buildNetworkOf({ LOCKSTEP_CA_BUNDLE: join(folder, 'none') }), /ENOENT/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
