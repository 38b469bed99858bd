import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { baseImage, engineTest } from '../../../test/support/engine.ts';
import { account, smallImage, TestRegistry } from '../../../test/support/registry.ts';
import { contextOf } from '../../build/context/context.ts';
import { readIgnore } from '../../build/context/ignore.ts';
import type { BuildAnswers } from '../../domain/build-inputs.ts';
import { askEngine } from './ask.ts';
import { type BuildRequest, buildImage } from './build-image.ts';
import { engineBytes } from './stream.ts';
import { fieldsOf, messageOf, textIn } from './wire.ts';

const api = '1.41';

async function build(socket: string, dockerfile: string, answers: BuildAnswers | null, more: Partial<BuildRequest>) {
  const lines: string[] = [];
  const end = await buildImage({
    engine: { socket, facts: { api } },
    context: contextOf({ files: (async function* () {})(), ignores: readIgnore(''), dockerfile }),
    ...{ target: null, labels: {}, tag: null, buildArgs: {}, isUncached: false, deadlineMs: 120_000, answers },
    signal: new AbortController().signal,
    onLine: (line) => void lines.push(line),
    ...more,
  });
  return { end, lines };
}

/** Whatever the engine has written since then, with `secret` in it. */
function filesWith(root: string, sinceMs: number, secret: string): string[] {
  // Others use this engine meanwhile: what they remove, or have removed by now, was theirs.
  const words = [root, '-ignore_readdir_race', '-type', 'f', '-newerct', `@${sinceMs / 1000}`, '-print0'];
  const { stdout } = spawnSync('find', words, { encoding: 'utf8', maxBuffer: 64 * 1024 ** 2 });
  const files = stdout.split('\0').filter(Boolean);
  assert.ok(files.length > 3, 'the engine has written nothing');
  return files.filter((file) => bytesOf(file).includes(secret));
}

function bytesOf(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return Buffer.alloc(0);
  }
}

engineTest(
  'a build uses a secret, and no byte of it is in its layers, its history, its log or the builder’s cache',
  { own: true },
  async (socket) => {
    const base = await baseImage('debian');
    const secret = `tok-${randomBytes(12).toString('hex')}`;
    const answers = { secrets: { NPM_TOKEN: secret, other: 'unasked-for' }, logins: {} };
    const sinceMs = Date.now() - 1000;
    const mount = '--mount=type=secret,id=NPM_TOKEN,required=true';
    const dockerfile = `FROM ${base}\nRUN ${mount} sha256sum < /run/secrets/NPM_TOKEN > /sum; echo "it is $(cat /run/secrets/NPM_TOKEN)"; echo; base64 /run/secrets/NPM_TOKEN\nCMD ["sh"]\n`;
    const { end, lines } = await build(socket, dockerfile, answers, { tag: 'lockstep-test/secret:1' });
    assert.ok(end.end === 'built', JSON.stringify([end, lines]));
    assert.ok(lines.includes('it is [redacted]'), lines.join('\n'));
    const said = JSON.stringify([end, lines]);
    assert.ok(!said.includes(secret) && !said.includes(Buffer.from(secret).toString('base64').slice(0, 20)), said);

    const exported = await engineBytes({
      ...{ socketPath: socket, path: `/v${api}/images/${end.imageId}/get`, signal: AbortSignal.timeout(60_000) },
    });
    const chunks: Buffer[] = [];
    for await (const chunk of exported) chunks.push(chunk as Buffer);
    const image = Buffer.concat(chunks);
    const sum = execFileSync('sha256sum', { input: secret, encoding: 'utf8' });
    assert.ok(image.includes(sum.slice(0, 64)), 'the step saw the secret');
    assert.ok(!image.includes(secret));
    for (const path of [`/images/${end.imageId}/history`, `/images/${end.imageId}/json`, '/system/df']) {
      const { status, body } = await askEngine(socket, `/v${api}${path}`, { timeoutMs: 30_000 });
      assert.ok(status === 200 && !body.includes(secret), path);
    }
    const { body } = await askEngine(socket, `/v${api}/info`, { timeoutMs: 10_000 });
    assert.deepEqual(filesWith((JSON.parse(body) as { DockerRootDir: string }).DockerRootDir, sinceMs, secret), []);

    // Another value: the step is not done again by itself.
    const changed = { secrets: { NPM_TOKEN: 'another one' }, logins: {} };
    const again = await build(socket, dockerfile, changed, {});
    assert.ok(again.end.end === 'built' && again.end.cachedSteps > 0, JSON.stringify(again));
    const without = await build(socket, dockerfile.replace('> /sum', '> /sum2'), { secrets: {}, logins: {} }, {});
    assert.ok(without.end.end === 'failed' && /NPM_TOKEN.*not found/.test(without.end.why), JSON.stringify(without));
    // One that fails says why, and not with the secret.
    const failing = `FROM ${base}\nRUN ${mount} cat /run/secrets/NPM_TOKEN >&2; exit 4\n`;
    const failed = await build(socket, failing, answers, {});
    assert.ok(failed.end.end === 'failed' && /exit code: 4/.test(failed.end.why), JSON.stringify(failed));
    assert.ok(!JSON.stringify(failed).includes(secret) && failed.lines.includes('[redacted]'), failed.lines.join('\n'));
    await askEngine(socket, `/v${api}/images/lockstep-test/secret:1`, { method: 'DELETE', timeoutMs: 10_000 });
  },
);

engineTest(
  'a build begins from a private image with the team’s login, and not without',
  { own: true },
  async (socket) => {
    await using registry = await TestRegistry.start({ isPrivate: true });
    const id = await smallImage(socket, { x: randomBytes(8).toString('hex') });
    await registry.push(socket, id, 'base:1');
    await askEngine(socket, `/v${api}/images/${id}`, { method: 'DELETE', timeoutMs: 10_000 });
    const dockerfile = `FROM ${registry.host}/base:1\nCMD ["/x"]\n`;
    const nobody = await build(socket, dockerfile, { secrets: {}, logins: {} }, {});
    assert.ok(nobody.end.end === 'failed', JSON.stringify(nobody));
    const logins = { [registry.host]: account };
    const { end, lines } = await build(socket, dockerfile, { secrets: {}, logins }, {});
    assert.ok(end.end === 'built', JSON.stringify([end, lines]));
    await askEngine(socket, `/v${api}/images/${end.imageId}`, { method: 'DELETE', timeoutMs: 10_000 });
  },
);

test('what BuildKit reads is what is written', () => {
  const long = 'x'.repeat(40_000);
  const fields = fieldsOf(
    messageOf([
      [1, 'name'],
      [2, long],
      [3, 300],
    ]),
  )!;
  assert.deepEqual([textIn(fields, 1), textIn(fields, 2), fields[2]!.value], ['name', long, 300n]);
  assert.equal(textIn(fields, 4), '');
  assert.equal(fieldsOf(messageOf([[1, 'name']]).subarray(0, 4)), null);
});
