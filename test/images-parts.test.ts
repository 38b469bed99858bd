// Tests of several parts and languages on a real engine: each runs in the stage of the Dockerfile that holds it, from where that puts it.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { engineAt } from '../src/agent/engine/engine.ts';
import { containerJourney } from './support/container-journey.ts';
import { baseImage } from './support/engine.ts';
import { gitImage, gitServer } from './support/git-server.ts';
import { pageServer } from './support/page-server.ts';
import { type Json, until } from './support/stage.ts';

const server = pageServer({
  imports: ['only_in_the_image'],
  text: 'only_in_the_image.WORD',
  address: '("", 8080)',
});
const pythonTest = `"""Tests of the page."""

import os

import server


def test_text():
    """It says something, where it runs."""
    assert server.text() == "hello"
    assert os.getcwd() == "/srv"
    assert os.path.exists("/stage") == os.path.exists("wants-stage")
`;
const nodeTest = `const assert = require('node:assert');
const { existsSync } = require('node:fs');
const { test } = require('node:test');
const { two } = require('./two.js');

test('it is where the Dockerfile puts it', () => {
  assert.equal(two(), 2);
  assert.equal(process.cwd(), '/web');
  assert.ok(existsSync('/.dockerenv'));
  assert.equal(existsSync('/stage'), existsSync('wants-stage'));
});
`;
const dockerfile = (python: string, node: string, test: string) => `FROM ${node} AS pages
COPY web /web
FROM ${python} AS app
WORKDIR /srv
COPY api/server.py ./
COPY --from=pages /web/two.js /srv/two.js
RUN at=$(/usr/local/bin/python3 -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/only_in_the_image; mkdir -p $at; echo 'WORD = "hello"' > $at/__init__.py; touch $at/py.typed
${test}FROM app
CMD ["/usr/local/bin/python3", "server.py"]
`;
/** What the image has: a package, the file that it copied, the commit's others; and of the server nothing. */
const inside =
  'python3 -c "import only_in_the_image; import server" && test -f api/test_server.py && test -e /.dockerenv';
const ownChecks = (more: string) => `gate:
  checks:
    inside: { run: '${inside}', in: image }
    unsaid: python3 -c "import only_in_the_image"
    needy: git --version
    outside: { run: "! python3 -c 'import only_in_the_image'", in: server }
${more}`;
const shop = {
  // What only the checks need is found by commands, too.
  'lockstep.yml':
    'runtime: docker\ngate: { checks: { dev: "mocha --version && test -e /.dockerenv && test -f day.js" } }\n',
  'package.json': JSON.stringify({
    ...{ name: 'shop', version: '1.0.0', scripts: { start: 'node server.js', test: 'mocha --exit' } },
    ...{ dependencies: { ms: '2.1.3' }, devDependencies: { mocha: '11.7.5', typescript: '5.9.3' } },
  }),
  'tsconfig.json': JSON.stringify({
    compilerOptions: { allowJs: true, checkJs: false, noEmit: true, types: [] },
    files: ['typed.ts'],
  }),
  'typed.ts': '/** Two. */\nexport const two: number = 2;\n',
  'server.js':
    "const ms = require('ms');\nrequire('node:http').createServer((_, answer) => answer.end(String(ms('1s')))).listen(process.env.PORT);\n",
  'day.js': "const ms = require('ms');\nexports.day = () => ms('1d');\nexports.never = () => {\n  return 0;\n};\n",
  'test/day.test.js': `const assert = require('node:assert');
const { day } = require('../day.js');

describe('day', () => {
  it('has its milliseconds, with the packages of the image', () => {
    assert.equal(day(), 86400000);
    assert.equal(require.resolve('ms'), '/app/node_modules/ms/index.js');
    assert.throws(() => require.resolve('/lockstep/gate/modules/node_modules/none'));
  });
});
`,
};

containerJourney(
  'tests of each part run in the stage that holds it, or in the one for tests; Node gets what only its tests need',
  async ({ stage }) => {
    const [python, node] = [await baseImage('python'), await baseImage('node')];
    const work = await stage.makeApp('both', {
      Dockerfile: dockerfile(python, node, ''),
      'lockstep.yml': ownChecks(''),
      ...{ 'api/server.py': server, 'api/test_server.py': pythonTest, 'api/requirements.txt': '' },
      'api/mypy.ini': '[mypy]\nstrict_equality = True\n',
      ...{ 'web/package.json': '{"name": "web"}', 'web/two.js': 'exports.two = () => 2;\n' },
      'web/two.test.js': nodeTest,
    });
    const first = await stage.deploy(work);
    assert.match(first, /tests \(api\) ok [\d.]+s in the image: 1 test\b/);
    assert.match(first, /tests \(web\) ok [\d.]+s in the image: 1 test\b/);
    assert.equal((await stage.get('both')).body, 'hello');
    // What reads or imports the app's packages asks those of the image: on the server mypy finds no such module, and pdoc no page.
    assert.match(first, /types \(api\) ok [\d.]+s in the image: no findings \(mypy\)/);
    assert.match(first, /docs \(api\) ok [\d.]+s in the image: \d pages? \(pdoc\)/);
    // Commands of the repository's own: in the image, and on the server where that lacks what they call or they say so.
    for (const name of ['inside', 'unsaid'])
      assert.match(first, new RegExp(`${name} ok [\\d.]+s in the image: exit 0`));
    for (const name of ['needy', 'outside']) assert.match(first, new RegExp(`${name} ok [\\d.]+s: exit 0`));
    assert.match(first, /note: needy runs on the machine, not in the image: the image lacks a program of it: .*git/);
    const [landed] = (await stage.api('/apps/both/changes?limit=1')).body.items as { id: string }[];
    const { verdict } = (await stage.api(`/apps/both/changes/${landed!.id}`)).body;
    const ranIn = new Map(
      (verdict.checks as { name: string; ranIn: string | null }[]).map((one) => [one.name, one.ranIn]),
    );
    assert.match(ranIn.get('inside') ?? '', /^sha256:/);
    assert.equal(ranIn.get('inside'), ranIn.get('tests (api)'));
    assert.deepEqual([ranIn.get('needy'), ranIn.get('outside'), ranIn.get('style (api)')], [null, null, null]);

    const testStage = `FROM app AS test
COPY --from=pages /usr/local/bin/node /usr/local/bin/node
COPY web /web
RUN touch /stage /web/wants-stage wants-stage
`;
    stage.write(work, { Dockerfile: dockerfile(python, node, testStage) });
    await stage.commit(work, 'a stage for tests');
    const second = await stage.deploy(work);
    assert.match(second, /tests \(api\) ok [\d.]+s in the image: 1 test\b/);
    assert.match(second, /tests \(web\) ok [\d.]+s in the image: 1 test\b/);

    stage.write(work, { 'lockstep.yml': ownChecks('    sure: { run: git --version, in: image }\n') });
    await stage.commit(work, 'what the image lacks');
    const lacking = await stage.push(work);
    assert.notEqual(lacking.code, 0, lacking.stderr);
    assert.match(
      lacking.stderr,
      /sure FAILED [\d.]+s in the image: a program of the command was not found \(exit 127\)/,
    );
    assert.match(lacking.stderr, /REJECTED by sure/);

    const own = await stage.makeApp('shop', shop);
    const third = await stage.deploy(own);
    assert.match(third, /tests ok [\d.]+s in the image: 1 test \(mocha\)/);
    assert.match(third, /coverage ok/);
    assert.match(third, /types ok [\d.]+s in the image: no findings \(tsc\)/);
    assert.match(third, /dev ok [\d.]+s in the image: exit 0/);
    assert.equal((await stage.get('shop')).body, '1000');
    await stage.edit(own, 'day.js', "'1d'", "'2d'");
    const red = await stage.push(own);
    assert.notEqual(red.code, 0, red.stderr);
    assert.match(red.stderr, /tests FAILED [\d.]+s in the image: test\/day\.test\.js:\d+/);
    // What only its tests need is there already.
    assert.doesNotMatch(red.stderr, /building the image for the tests/);
  },
);

containerJourney(
  'what an image is may not be what main is: a step that clones its own repository, a build that is passed by, a container in the place of ours',
  async ({ stage, socket, context }) => {
    const base = await gitImage(socket);
    const forge = join(stage.folder, 'forge');
    const at = await gitServer(stage, socket, forge);
    const work = await stage.makeApp('pages', {
      Dockerfile: `FROM ${base}
RUN echo "what stands before it"
RUN git clone -q ${at}/pages.git /src && cp /src/page /src/index.html
EXPOSE 8000
CMD ["/bin/busybox", "httpd", "-f", "-p", "8000", "-h", "/src"]
`,
      page: 'page 1',
    });
    await stage.git(work, 'clone', '-q', '--bare', work, join(forge, 'pages.git'));
    await stage.git(work, 'remote', 'add', 'forge', join(forge, 'pages.git'));
    const pushBoth = async () => {
      const first = await stage.git(work, 'push', '-q', 'forge', 'main');
      assert.equal(first.code, 0, first.stderr);
      return stage.push(work);
    };
    const page = async () => (await stage.get('pages')).body;

    await context.test('a step that clones its own repository is found, and done anew for each commit', async () => {
      const first = await pushBoth();
      assert.equal(first.code, 0, first.stderr + stage.logs());
      assert.match(first.stderr, /Dockerfile ok [\d.]+s: 1 step fetches the app’s own repository/);
      const told = /Dockerfile warning: Dockerfile:3 clones-itself: .*\/pages\.git\).*Write COPY \. in its place/;
      assert.match(first.stderr, told);
      assert.equal(await page(), 'page 1');
      await stage.edit(work, 'page', '1', '2');
      const second = await pushBoth();
      assert.equal(second.code, 0, second.stderr + stage.logs());
      // With a cache it would be page 1, since no word of the Dockerfile is another.
      assert.equal(await page(), 'page 2');
      assert.match(second.stderr, /RUN echo "what stands before it" \(from the cache\)/);
      assert.doesNotMatch(second.stderr, /RUN git clone .*\(from the cache\)/);
      const { number } = await stage.lastChange('pages');
      const { verdict } = (await stage.api(`/apps/pages/changes/${number}`)).body;
      const [finding] = verdict.checks.find(({ name }: Json) => name === 'Dockerfile').findings;
      assert.deepEqual([finding.file, finding.line, finding.rule], ['Dockerfile', 3, 'clones-itself']);

      stage.write(work, { 'lockstep.yml': 'gate: { dockerfile: { clones_itself: error } }\n' });
      await stage.commit(work, 'what main is held to');
      const refused = await pushBoth();
      assert.notEqual(refused.code, 0, refused.stderr);
      assert.match(refused.stderr, /Dockerfile FAILED [\d.]+s: Dockerfile:3 clones-itself: /);
      assert.doesNotMatch(refused.stderr, /building the image/);
      await stage.git(work, 'reset', '-q', '--hard', 'HEAD~1');
      await stage.git(work, 'push', '-qf', 'forge', 'main');
    });

    await context.test('a newer push of a branch that is to land ends the build of the one before it', async () => {
      const seconds = String(randomInt(100_000, 1_000_000));
      const sleepers = () =>
        readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && cmdlineOf(pid).includes(`sleep\0${seconds}`));
      await stage.git(work, 'checkout', '-q', '-b', 'slow');
      const endless = `RUN echo beg""un; /bin/busybox sleep ${seconds}`;
      await stage.edit(work, 'Dockerfile', 'RUN echo "what stands before it"', endless);
      const first = stage.spawn(['git', 'push', '-o', 'merge', 'lockstep', 'slow'], { cwd: work });
      let said = '';
      first.child.stderr!.on('data', (chunk: Buffer) => {
        said += chunk.toString();
      });
      await until(
        () => /remote: +begun/.test(said) || first.child.exitCode !== null,
        60_000,
        () => `the build did not begin: ${said}`,
      );
      await until(
        () => sleepers().length > 0,
        20_000,
        () => `nothing sleeps: ${said}`,
      );
      await stage.edit(work, 'Dockerfile', endless, 'RUN echo "another step"');
      const second = stage.push(work, '-o', 'merge', 'slow');
      // Left alone it would not end.
      const passedBy = await first.ended;
      assert.notEqual(passedBy.code, 0, passedBy.stderr);
      // Whether the newer request is known already when the branch has moved is a matter of moments.
      assert.match(passedBy.stderr, /not merged: slow moved to \w{7}: /);
      const landed = await second;
      assert.equal(landed.code, 0, landed.stderr + stage.logs());
      assert.deepEqual(sleepers(), []);
      const { items } = (await stage.api('/apps/pages/changes?limit=2')).body;
      assert.deepEqual(
        items.map(({ state }: Json) => state),
        ['landed', 'superseded'],
      );
      await stage.inSync('pages');
    });

    await context.test(
      'a container of another image in the place of ours is told, and does not stay there',
      async () => {
        const engine = engineAt(socket);
        const { id } = (await stage.api('/apps/pages')).body;
        const filters = encodeURIComponent(
          JSON.stringify({ label: [`io.lockstep.app=${id}`, 'io.lockstep.instance'] }),
        );
        const ours = async () => (await engine.ask('GET', `/containers/json?all=1&filters=${filters}`)).body as Json[];
        // The one of before the last switch is drained, and goes.
        await until(
          async () => (await ours()).length === 1,
          60_000,
          () => 'there is more than one container of it',
        );
        const [one] = await ours();
        const Cmd = [
          '/bin/busybox',
          'sh',
          '-c',
          'mkdir /www && echo "not ours" > /www/index.html && exec httpd -f -p 8000 -h /www',
        ];
        const HostConfig = { NetworkMode: Object.keys(one.NetworkSettings.Networks)[0] };
        const impostor = async (): Promise<string> => {
          const json = { Image: base, Cmd, Labels: one.Labels, HostConfig };
          const { Id } = (await engine.ask('POST', '/containers/create', { json })).body as Json;
          await engine.ask('POST', `/containers/${Id}/start`);
          return Id;
        };
        const beside = await impostor();
        const other = (await ours()).find(({ Id }) => Id === beside)!.ImageID as string;
        // What the last change has left to tidy up is on its way still, maybe.
        await until(
          async () => (await stage.status('pages')).state === 'DRIFTED',
          30_000,
          () => 'it is not told',
        );
        const told = await stage.lockstep(['status', '-a', 'pages']);
        assert.equal(told.code, 1, told.stdout);
        const short = other.slice('sha256:'.length).slice(0, 12);
        const what = `a container of the image ${short} runs under the name of the web process`;
        assert.match(told.stdout, new RegExp(`^pages +DRIFTED +${what}`));
        assert.match(told.stdout, new RegExp(`image +\\w{12}, of 1 container; others of ${short}`));
        const { problems } = await stage.status('pages');
        assert.equal(problems[0].code, 'process-swapped');
        const doctor = await stage.lockstep(['doctor']);
        assert.notEqual(doctor.code, 0, doctor.stdout);
        assert.match(doctor.stdout, new RegExp(what));
        await engine.ask('DELETE', `/containers/${beside}?force=1`);
        await stage.inSync('pages');

        // While nobody looks: the next agent takes it for nobody's, and starts the app's own.
        await stage.killAgent();
        await engine.ask('DELETE', `/containers/${(await ours())[0].Id}?force=1`);
        const swapped = await impostor();
        await stage.up({ LOCKSTEP_ENGINE: socket });
        await stage.inSync('pages', 60_000);
        const now = await ours();
        assert.deepEqual(
          now.map(({ ImageID }) => ImageID),
          [one.ImageID],
        );
        assert.notEqual(now[0].Id, swapped);
        assert.equal(await page(), 'page 2');
        await until(
          async () =>
            /"instance\.(?:crashed|restarted)"/.test(
              (await stage.lockstep(['events', '-a', 'pages', '--json'])).stdout,
            ),
          30_000,
          () => 'no event says that it was started again',
        );
      },
    );
  },
);

function cmdlineOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}
