// The journey of an app with a Dockerfile, on a real engine: what was built is what is tested and what serves.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { askEngine } from '../src/agent/engine/ask.ts';
import { containerJourney, guestbookInImages } from './support/container-journey.ts';
import { baseImage } from './support/engine.ts';
import { pageServer } from './support/page-server.ts';
import { root, until } from './support/stage.ts';

const server = pageServer({
  imports: ['os', 'signal', 'sys'],
  defines: 'TEXT = "one"',
  text: 'TEXT + " in " + str(os.path.exists("/.dockerenv"))',
  address: '("", 5000)',
  begins: 'signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))',
});
const tests = `"""Tests of the page."""

import os

import server


def test_text():
    """It says something."""
    assert server.text().split()[0].islower()


def test_place():
    """They run where it runs: with what only the image has."""
    assert os.path.exists("/.dockerenv")
    with open("/made-by-the-image", encoding="utf-8") as stream:
        assert stream.read() == "made\\n"
    with open("written", "w", encoding="utf-8") as stream:
        stream.write("x")
`;

const waiting = `"""Tests that end when they are told."""

import os
import time


def test_wait():
    """It waits for a word from outside of its container."""
    until = time.monotonic() + 60
    while not os.path.exists("/lockstep/job/go"):
        assert time.monotonic() < until
        time.sleep(0.05)
`;

containerJourney(
  'an app with a Dockerfile is built, tested in its image and live from it; what is red, broken or without an engine is refused',
  async ({ stage, socket }) => {
    const tag = await baseImage('python');
    // Without a WORKDIR, as people write them: the app lies at the root of the image, between its system's folders.
    const dockerfile = `# syntax=docker/dockerfile:1\nFROM ${tag}\nARG MADE\nRUN --mount=type=secret,id=TOKEN echo "with $(cat /run/secrets/TOKEN)"; echo $MADE > /made-by-the-image\nCOPY server.py /\nEXPOSE 5000\nCMD ["/usr/local/bin/python3", "/server.py"]\n`;
    const build = 'build:\n  args: { MADE: made, UNUSED: 1 }\n  secrets: [TOKEN]\n';
    const work = await stage.makeApp('box', {
      'lockstep.yml': build,
      ...{ Dockerfile: dockerfile, 'server.py': server, 'tests/test_server.py': tests },
      // The container ignores PORT, its image has no tests in it, and there is nothing that Lockstep would know how to run.
      '.dockerignore': 'tests\n',
      'conftest.py': '"""Finds the page."""\n',
    });
    const without = await stage.push(work);
    assert.notEqual(without.code, 0, without.stderr);
    assert.match(without.stderr, /no value is known of its build secret TOKEN/);
    assert.match(without.stderr, /lockstep config set --build/);
    const token = `tok-${randomBytes(12).toString('hex')}`;
    stage.write(stage.folder, { 'build.env': `TOKEN=${token}\n` });
    const given = ['config', 'set', '-a', 'box', '--build', '--file', join(stage.folder, 'build.env')];
    const set = await stage.lockstep(given, { cwd: work });
    assert.deepEqual([set.code, set.stdout.includes(token)], [0, false], set.stderr);
    const first = await stage.deploy(work);
    assert.match(first, /no ARG of the Dockerfile declares UNUSED/);
    assert.match(first, /with \[redacted\]/);
    assert.match(first, /Dockerfile: the repository has one/);
    assert.match(first, /"# syntax=docker\/dockerfile:1" is dropped/);
    assert.match(first, /image [0-9a-f]{12} built in/);
    assert.match(first, /tests ok .*: 2 tests/);
    assert.equal((await stage.get('box')).body, 'one in True');
    await stage.inSync('box');

    // A line of the source: what the tests need is not installed again, and what serves is the new image.
    // The release command and `run` are in the image too, with the app's volume, config and user.
    stage.write(work, { 'lockstep.yml': `${build}release: echo $WORD >> data/words\nvolumes:\n  data: data\n` });
    await stage.lockstep(['config', 'set', '-a', 'box', 'WORD=migrated'], { cwd: work });
    await stage.edit(work, 'server.py', 'TEXT = "one"', 'TEXT = "two"');
    const second = await stage.deploy(work);
    const ran = await stage.lockstep([
      'run',
      '-a',
      'box',
      '--',
      'sh',
      '-c',
      'cat data/words /made-by-the-image; env | grep TOKEN; exit 7',
    ]);
    assert.deepEqual([ran.code, ran.stdout], [7, 'migrated\nmade\n'], ran.stderr);
    assert.doesNotMatch(second, /image for the tests/);
    assert.match(second, /coverage/);
    assert.equal((await stage.get('box')).body, 'two in True');

    await stage.edit(work, 'server.py', 'TEXT = "two"', 'TEXT = "THREE"');
    const red = await stage.push(work);
    assert.notEqual(red.code, 0, red.stderr);
    assert.match(red.stderr, /1 of 2 tests failed/);
    assert.match(red.stderr, /tests\/test_server\.py:\d+/);
    await stage.edit(work, 'server.py', 'TEXT = "THREE"', 'TEXT = "four"');

    await stage.edit(work, 'Dockerfile', 'echo $MADE >', 'echo no compiler here; exit 1; echo $MADE >');
    const broken = await stage.push(work);
    assert.notEqual(broken.code, 0, broken.stderr);
    assert.match(broken.stderr, /the image could not be built: .*exit code: 1/);
    assert.match(broken.stderr, /no compiler here/);
    assert.equal((await stage.get('box')).body, 'two in True');

    // Whoever leaves (Ctrl-C) while the image is built ends the build, and the next push need not wait for it.
    const slow = 'echo sl""ow; sleep 600; echo $MADE >';
    await stage.edit(work, 'Dockerfile', 'echo no compiler here; exit 1; echo $MADE >', slow);
    const left = stage.spawn(['git', 'push', 'lockstep', 'main'], { cwd: work });
    await new Promise<void>((resolve) => {
      let text = '';
      left.child.stderr!.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        if (/remote: +slow/.test(text)) resolve();
      });
      void left.ended.then(() => resolve());
    });
    process.kill(-left.child.pid!, 'SIGINT');
    await left.ended;
    await stage.untilChange('box', 'cancelled', 30_000);
    await stage.edit(work, 'Dockerfile', slow, 'echo no compiler here; exit 1; echo $MADE >');

    // The image of before is there still: nothing is built, and nothing tested again.
    const back = await stage.lockstep(['rollback', '-a', 'box'], { cwd: work });
    assert.equal(back.code, 0, back.stdout + back.stderr + stage.logs());
    assert.match(back.stdout + back.stderr, /image [0-9a-f]{12} is there/);
    assert.equal((await stage.get('box')).body, 'one in True');

    // J2: container and image are removed behind our back, and the app is there again.
    const ask = async (method: string, path: string): Promise<string> =>
      (await askEngine(socket, `/v1.41${path}`, { method, timeoutMs: 30_000 })).body;
    const { id } = (await stage.api('/apps/box')).body;
    const filters = encodeURIComponent(JSON.stringify({ label: [`io.lockstep.app=${id}`] }));
    const idsOf = async (what: string): Promise<string[]> =>
      (JSON.parse(await ask('GET', `/${what}/json?all=1&filters=${filters}`)) as { Id: string }[]).map(({ Id }) => Id);
    const removed = async (): Promise<boolean> => {
      for (const one of await idsOf('containers')) await ask('DELETE', `/containers/${one}?force=1`);
      for (const one of await idsOf('images')) await ask('DELETE', `/images/${one}?force=1`);
      return (await idsOf('images')).length === 0;
    };
    await until(removed, 30_000, () => 'the images were not removed');
    await until(
      async () => (await stage.get('box')).body === 'one in True',
      60_000,
      () => stage.logs(),
    );
    await stage.inSync('box');

    // Its one place is the database: no log, no record of a job or a release has it.
    const said = [first, second, stage.logs(), (await stage.lockstep(['events', '-a', 'box', '--json'])).stdout];
    assert.ok(!said.join().includes(token), 'the build secret was told');
    await stage.down();
    const holders = execFileSync('grep', ['-rlF', token, stage.home], { encoding: 'utf8' }).trim().split('\n');
    assert.ok(
      holders.every((file) => /\/control\/(?:lockstep\.db|copies\/)/.test(file)),
      holders.join(),
    );
    await stage.up({ LOCKSTEP_ENGINE: `${stage.folder}/none.sock` });
    await stage.git(work, 'fetch', '-q', 'lockstep');
    await stage.git(work, 'reset', '-q', '--hard', 'lockstep/main');
    await stage.edit(work, 'server.py', 'TEXT = "one"', 'TEXT = "five"');
    const nowhere = await stage.push(work);
    assert.notEqual(nowhere.code, 0, nowhere.stderr);
    assert.match(nowhere.stderr, /the repository has a Dockerfile, and there is no container engine/);
    assert.match(nowhere.stderr, /apt install docker\.io/);

    await stage.down();
    await stage.up({ LOCKSTEP_ENGINE: socket });
    await stage.inSync('box');
    assert.equal((await stage.get('box')).body, 'one in True');

    // An app without a Dockerfile, in an image that Lockstep writes: its own user, its volume, its tests.
    const book = await stage.makeApp('book', join(root, 'examples', 'flask-guestbook'));
    const tools = "pytest --version && python -c 'import flask, coverage' && ls tests";
    stage.write(book, await guestbookInImages(`gate: { checks: { tools: "${tools}" } }\n`));
    await stage.commit(book, 'in a container');
    const booked = await stage.deploy(book);
    assert.match(booked, /tests ok .*: \d\d tests/);
    // A command finds what only the checks need behind what serves.
    assert.match(booked, /tools ok [\d.]+s in the image: exit 0/);
    assert.equal((await stage.get('book')).status, 200);
    const who = await stage.lockstep([
      'run',
      '-a',
      'book',
      '--',
      'sh',
      '-c',
      'id -u; touch data/x && echo kept; touch y',
    ]);
    // What goes to stderr comes by a pipe of its own, and may be told before or after.
    const lines = who.stdout.trim().split('\n').sort();
    assert.match(lines.join('\n'), /^[1-9]\d*\nkept\n.*Read-only file system$/, who.stderr);
    assert.notEqual(who.code, 0, 'nothing but its volumes can be written');

    // The agent is killed while tests run in a container: they run on, the change ends once, and nothing stays behind.
    stage.write(work, { 'tests/test_wait.py': waiting });
    await stage.commit(work, 'a test that waits');
    const jobs = async (): Promise<string[]> => {
      const label = [`io.lockstep.app=${id}`, 'io.lockstep.job'];
      const list = await ask('GET', `/containers/json?filters=${encodeURIComponent(JSON.stringify({ label }))}`);
      return (JSON.parse(list) as { Labels: Record<string, string> }[]).map((one) => one.Labels['io.lockstep.job']!);
    };
    const pushing = stage.push(work);
    let began: string[] = [];
    await until(
      async () => {
        began = await jobs();
        return began.length > 0;
      },
      60_000,
      () => `no tests run in a container\n${stage.logs()}`,
    );
    await stage.killAgent();
    await stage.up({ LOCKSTEP_ENGINE: socket });
    assert.deepEqual(await jobs(), began, 'the tests that the agent began before it was killed run on');
    stage.write(join(stage.home, 'agent', 'jobs', began[0]!, 'files'), { go: '' });
    const pushed = await pushing;
    assert.equal(pushed.code, 0, pushed.stderr + stage.logs());
    assert.match(pushed.stderr, /tests ok [\d.]+s in the image: 3 tests/);
    const changes = (await stage.api('/apps/box/changes?limit=2')).body.items as { state: string; head: string }[];
    assert.equal(changes[0]?.state, 'landed');
    assert.notEqual(changes[1]?.head, changes[0]?.head);
    await until(
      async () => (await jobs()).length === 0,
      30_000,
      () => 'a container of a job is left',
    );
    await stage.inSync('box');

    const gone = await stage.lockstep(['destroy', '-a', 'box', '--yes', '--volumes'], { cwd: work });
    assert.equal(gone.code, 0, gone.stdout + gone.stderr);
  },
);
