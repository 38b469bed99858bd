import assert from 'node:assert/strict';
import { test } from 'node:test';
import { absentEngine as absent, readyEngine as ready } from '../../test/support/engine-looks.ts';
import type { EngineLook } from '../domain/engine.ts';
import { isFailure } from '../domain/errors.ts';
import type { AgentHello } from '../domain/hello.ts';
import type { AppId, ImageId, TreeId } from '../domain/ids.ts';
import { planBuild, withImage } from './build.ts';
import { memoryTree } from './memory-tree.ts';

type Files = Parameters<typeof memoryTree>[0];
const flask = 'from flask import Flask\napp = Flask(__name__)\n';
const app = { id: 'app_00000000000000000000000000' as AppId, liveUid: null, gateUid: null, gid: null };
const hello = { interpreters: [{ id: 'python-3.11.2', kind: 'python', version: '3.11.2' }] } as unknown as AgentHello;

const build = (files: Files, engine: EngineLook = ready, more: { isOnlyChecked?: boolean; id?: string } = {}) => {
  const id = (more.id ?? 'a'.repeat(40)) as TreeId;
  const tree = { id, entries: [], view: memoryTree(files), files: async function* () {} };
  const { isOnlyChecked = false } = more;
  return planBuild({ app, tree, hello, engine: async () => engine, names: ['shop'], isOnlyChecked });
};

test('what runs in an image has nothing of the machine in its plan', async () => {
  const check = async (files: Files, expected: { web: unknown; written: boolean; test?: string | null }) => {
    const { artifact, image } = await build(files);
    const { plan } = artifact;
    assert.doesNotMatch(JSON.stringify([plan.env, plan.processes]), /\{(?:tree|layer|tool)/);
    assert.deepEqual(
      [plan.processes.web.command, plan.image?.written != null, plan.image?.testTarget ?? null, artifact.layerKey],
      [expected.web, expected.written, expected.test ?? null, null],
    );
    assert.ok(image);
    return plan;
  };
  const Dockerfile = 'FROM debian:12\nCMD ["/x"]\n';
  // Nothing else says how to run it, nor in which language it is.
  const ruby = await check({ Dockerfile, 'app.rb': 'x' }, { web: null, written: false });
  assert.equal(ruby.detector, 'Dockerfile');
  const two = 'FROM debian:12 AS test\nFROM debian:12\nCMD ["/x"]\n';
  await check({ Dockerfile: two, 'app.py': flask }, { web: null, written: false, test: 'test' });
  const procfile = await check(
    { Dockerfile, Procfile: 'web: ./serve\nworker: ./work\n' },
    { web: null, written: false },
  );
  assert.deepEqual(procfile.processes.worker?.command, { shell: './work' });
  assert.ok(procfile.notes.some((note) => /web line of the Procfile is not used/.test(note)));
  await check(
    { Dockerfile: 'FROM debian:12\n', Procfile: 'web: ./serve' },
    { web: { shell: './serve' }, written: false },
  );
  await check({ Dockerfile, 'lockstep.yml': 'web: ./mine' }, { web: { shell: './mine' }, written: false });
  const written = await check(
    { 'app.py': flask, 'requirements.txt': 'flask\n', 'src/a/b.py': '', 'lockstep.yml': 'runtime: docker' },
    { web: null, written: true },
  );
  assert.match(written.image?.written ?? '', /id=app_0+,/);
});

test('the same tree is the same image, and another tree another; what fetches its own repository is never found again', async () => {
  const keyOf = async (files: Files, id?: string) =>
    (await build(files, ready, id === undefined ? {} : { id })).image?.spec.key;
  const Dockerfile = 'FROM debian:12\nCMD ["/x"]\n';
  assert.equal(await keyOf({ Dockerfile }), await keyOf({ Dockerfile }));
  assert.notEqual(await keyOf({ Dockerfile }), await keyOf({ Dockerfile }, 'b'.repeat(40)));
  const itself = { Dockerfile: 'FROM debian:12\nRUN git clone https://example.org/me/shop.git\nCMD ["/x"]\n' };
  const { image, artifact } = await build(itself);
  const { findings } = artifact.plan;
  assert.deepEqual(
    findings?.map(({ file, line, rule }) => [file, line, rule]),
    [['Dockerfile', 2, 'clones-itself']],
  );
  assert.match(
    findings[0]!.message,
    /own repository \(https:\/\/example\.org\/me\/shop\.git\).* Write COPY \. in its place$/,
  );
  assert.notEqual(image?.spec.key, await keyOf(itself));
  // What stands before the step may come from a cache, and the step never.
  const stepsOf = async (context: AsyncIterable<Buffer>) => {
    const chunks: Buffer[] = [];
    for await (const chunk of context) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString('latin1');
    return /FROM debian:12\nARG (LOCKSTEP_STEP=[\da-f-]{36})\nRUN git clone /.exec(text)?.[1];
  };
  const step = await stepsOf(image!.context());
  assert.ok(step);
  const again = await stepsOf((await build(itself)).image!.context());
  assert.ok(again && again !== step);
});

test("an artifact's digest names its image", async () => {
  const { artifact } = await build({ Dockerfile: 'FROM debian:12\nCMD ["/x"]\n' });
  const image = { ports: [], hasOwnCommand: true, isGenerated: false };
  const [one, two] = ['1', '2'].map((digit) =>
    withImage(artifact, { id: `sha256:${digit.repeat(64)}` as ImageId, ...image }),
  );
  assert.notEqual(one?.digest, two?.digest);
  assert.notEqual(one?.digest, artifact.digest);
  assert.equal(one?.image?.id, `sha256:${'1'.repeat(64)}`);
});

test('a link in the place of the Dockerfile is refused; without an engine a checkout is checked all the same', async () => {
  const view = memoryTree({ Dockerfile: 'FROM debian:12\n' });
  const link = { ...view, list: () => view.list().map((one) => ({ ...one, mode: '120000' })) };
  const tree = { id: 'a'.repeat(40) as TreeId, entries: [], view: link, files: async function* () {} };
  await assert.rejects(planBuild({ app, tree, hello, engine: async () => ready, names: [] }), (error) =>
    isFailure(error, 'bad-config'),
  );
  const checked = await build({ Dockerfile: 'FROM debian:12\n' }, absent, { isOnlyChecked: true });
  assert.ok(checked.artifact.plan.image && checked.image === null);
  assert.ok(checked.notes.some((note) => /the image is not built/.test(note)));
});

test('an app that is an image of a registry is that image, whatever else is in its repository', async () => {
  const image = `docker.io/team/web:1@sha256:${'0'.repeat(64)}`;
  const built = await build({
    'app.py': flask,
    Dockerfile: 'FROM debian:12\n',
    'lockstep.yml': `image: ${image}\nhealth: /up\n`,
  });
  const { plan } = built.artifact;
  assert.deepEqual([built.image, built.pulled, plan.detector, plan.why], [null, image, 'image', image]);
  assert.deepEqual([plan.processes.web.command, plan.health.path], [null, '/up']);
  const said = await build({ 'lockstep.yml': `image: ${image}\nweb: serve --port $PORT\n` });
  assert.deepEqual(said.artifact.plan.processes.web.command, { shell: 'serve --port $PORT' });
  const checked = await build({ 'lockstep.yml': `image: ${image}\n` }, absent, { isOnlyChecked: true });
  assert.deepEqual([checked.image, checked.pulled], [null, null]);
});
