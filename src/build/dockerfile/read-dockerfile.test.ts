import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fc, holds } from '../../../test/support/fuzz.ts';
import { isFailure } from '../../domain/errors.ts';
import { addressOf } from './advice.ts';
import { readDockerfile } from './read-dockerfile.ts';
import { readInstructions } from './read-lines.ts';

const own = ['guestbook', 'https://github.com/ada/guestbook.git'];
const read = (text: string) => readDockerfile(text, own);
const refuses = (text: string, why: RegExp) =>
  assert.throws(
    () => read(text),
    (error) => isFailure(error, 'bad-config') && why.test(error.message),
    text,
  );
const rulesOf = (text: string) => read(text).advice.map(({ rule, line }) => `${line} ${rule}`);
const clean = 'FROM python:3.11-slim\nUSER 1000\n';

test('what Lockstep writes itself is read without advice', () => {
  for (const file of globSync(join(import.meta.dirname, 'fixtures', '*.Dockerfile'))) {
    const facts = read(readFileSync(file, 'utf8'));
    assert.deepEqual([facts.advice, facts.notes, facts.ports, facts.user], [[], [], [8080], '10001:10001'], file);
    assert.equal(facts.command?.form, 'exec');
  }
});

test('instructions are found as the builder finds them', () => {
  const names = (text: string) =>
    readInstructions(text).instructions.map(({ name, text, line }) => `${line} ${name} ${text}`);
  assert.deepEqual(names('from a\nRUN x \\\n  # no\n\n  y\ncmd z'), ['1 FROM a', '2 RUN x   y', '6 CMD z']);
  assert.deepEqual(names('\uFEFF# escape=`\r\nFROM a\r\nRUN x `\r\n y \\\r\nUSER b\r\n'), [
    '2 FROM a',
    '3 RUN x  y \\',
    '5 USER b',
  ]);
  assert.deepEqual(names('FROM a\nRUN <<EOF sh\nFROM evil\nUSER 0\nEOF\nUSER b'), [
    '1 FROM a',
    '2 RUN <<EOF sh',
    '6 USER b',
  ]);
  assert.deepEqual(readInstructions('FROM a\nRUN <<-"E"\n\tx\n\tE\n').instructions[1]!.documents, ['\tx']);
  // Not a here-document: a word of the shell.
  assert.deepEqual(names("FROM a\nRUN echo '<<EOF' 1<<2\nUSER b").length, 3);
});

test('what is no Dockerfile is refused with its line', () => {
  refuses('', /line 1: there is no FROM/);
  refuses('USER a\nFROM b', /line 1: USER stands before/);
  refuses('FROM a\nFRMO b', /line 2: there is no instruction FRMO/);
  refuses('FROM a\nRUN <<EOF\nx', /line 2: the here-document EOF has no end/);
  refuses('FROM a b c d', /line 1: FROM wants/);
  refuses('FROM a\0', /not text/);
  refuses('{"syntax":"evil/x"}\nFROM a', /there is no instruction/);
  refuses('// syntax=evil/x\nFROM a', /there is no instruction \/\//);
  assert.throws(
    () => read(`FROM a\n#${'x'.repeat(300_000)}`),
    (error) => isFailure(error, 'too-large'),
  );
});

test('the usual syntax line is dropped with a note, wherever a builder could heed it, and a foreign one is refused', () => {
  for (const value of [
    'docker/dockerfile:1',
    'docker.io/docker/dockerfile:1.7-labs',
    `docker/dockerfile@sha256:${'a'.repeat(64)}`,
  ]) {
    const { text, notes } = read(`#!/bin/x\n# a comment\n#  SYNTAX = ${value}\nFROM a:1\nUSER 1\n`);
    assert.equal(text, '#!/bin/x\n# a comment\n#\nFROM a:1\nUSER 1\n');
    assert.match(notes[0]!, /^line 3: .* is dropped/);
  }
  for (const value of [
    'evil/dockerfile',
    'docker/dockerfile-upstream',
    'evil.example/docker/dockerfile:1',
    'docker/dockerfile:1 x',
    '',
  ])
    refuses(`# syntax=${value}\nFROM a`, /line 1: # syntax=.* names a foreign builder/);
  refuses(
    '# x\n# syntax=docker/dockerfile:1\n# syntax=evil/x\nFROM a'.replace('docker/dockerfile:1', 'evil/y'),
    /line 2/,
  );
  // Only a comment, there.
  assert.equal(read('FROM a:1\n# syntax=evil/x\nUSER 1').notes.length, 0);
});

test('ports, user and start are those of the last stage and of what it stands on', () => {
  const facts = read(
    [
      'ARG V=3.11\nARG BASE=python:$V',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a Dockerfile's own form
      'FROM $BASE AS Base\nENV PORT=5000 X=\'a b\'\nEXPOSE ${PORT}/tcp 53/udp $OTHER\nUSER app\nCMD ["a"]',
      'FROM golang:1 AS test\nEXPOSE 1',
      'FROM base\nEXPOSE 9000-9002 99999 8000',
      'ENTRYPOINT ["/run", "x"]',
    ].join('\n'),
  );
  assert.equal(facts.stages[0]!.base, 'python:3.11');
  assert.deepEqual(facts.ports, [5000, 9000, 9001, 9002, 8000]);
  assert.deepEqual([facts.user, facts.testStage], ['app', 'test']);
  assert.deepEqual([facts.entrypoint, facts.command], [{ form: 'exec', argv: ['/run', 'x'] }, null]);
  const check = (cmd: string, expected: unknown) => assert.deepEqual(read(`${clean}CMD ${cmd}`).command, expected);
  check('["/app/main.py"]', { form: 'exec', argv: ['/app/main.py'] });
  check("['a']", { form: 'shell', line: "['a']" });
  check('[1]', { form: 'shell', line: '[1]' });
  check('exec python a.py', { form: 'shell', line: 'exec python a.py' });
  check('[]', null);
});

test('a step that fetches the app’s own repository is found however it is written, and never comes from a cache', () => {
  const fetches = (lines: string) => {
    const found = read(`${clean}${lines}`).advice.find(({ rule }) => rule === 'clones-itself');
    return found ? found.isUncached && found.line === clean.concat(lines).split('\n').length : false;
  };
  const itself = (run: string) => {
    const found = read(`${clean}RUN ${run}`).advice.find(({ rule }) => rule === 'clones-itself');
    return found ? found.isUncached && found.line === 3 : false;
  };
  const yes = [
    'git clone https://github.com/ada/guestbook',
    'git clone --depth 1 https://token@GitHub.com/ada/guestbook.git /app',
    'cd / && git -C /x clone git@github.com:ada/guestbook.git',
    '/usr/bin/git clone ssh://git@elsewhere.example:22/other/Guestbook.git',
    'curl -L "https://github.com/ada/guestbook/archive/main.tar.gz" | tar xz',
    '<<EOF\nset -e\ngit clone https://github.com/ada/guestbook\nEOF',
    'git init && git remote add o https://github.com/ada/guestbook && git pull o main',
  ];
  for (const run of yes) assert.ok(itself(run), run);
  for (const lines of [
    'ADD https://github.com/ada/guestbook.git#main /app',
    'ARG REPO=https://github.com/ada/guestbook\nRUN git clone $REPO /app',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a Dockerfile's own form
    'ENV HOST=github.com WHO=ada\nARG AT=$HOST/$WHO\nRUN cd / && git clone "https://${AT}/guestbook.git"',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a Dockerfile's own form
    'RUN git clone ${REPO:-git://forge.example/guestbook.git}',
    'FROM a:1 AS base\nENV REPO=https://github.com/ada/guestbook\nFROM base\nRUN git clone $REPO',
  ])
    assert.ok(fetches(lines), lines);
  assert.ok(!fetches('FROM a:1 AS base\nENV REPO=https://github.com/ada/guestbook\nFROM a:1\nRUN git clone $REPO'));
  assert.ok(!fetches('ADD https://example.org/guestbook-theme.css /app/'));
  // However much there is to say besides.
  assert.ok(fetches(`${'VOLUME /x\n'.repeat(100)}RUN git clone https://github.com/ada/guestbook`));
  for (const run of [
    'git clone https://github.com/ada/other',
    'echo https://github.com/ada/guestbook',
    'git clone https://x.example/guestbook-theme',
  ])
    assert.ok(!itself(run), run);
  assert.deepEqual(rulesOf(`${clean}RUN git clone https://github.com/ada/other`), ['3 clones']);
  assert.equal(addressOf('git@github.com:ada/x.git'), addressOf('https://t@github.com/ada/x/'));
});

test('what is dangerous has one line of advice with its place', () => {
  assert.deepEqual(rulesOf('FROM python\nCMD ["python", "a.py"]'), ['1 root', '1 unpinned']);
  assert.deepEqual(rulesOf('FROM a:1\nUSER 0:0'), ['1 root']);
  assert.deepEqual(rulesOf('FROM a:1-nonroot'), []);
  assert.deepEqual(rulesOf('FROM a:1 AS b\nFROM b\nUSER 1'), []);
  assert.deepEqual(rulesOf(`${clean}CMD cd x && python a.py`), ['3 shell-command']);
  assert.deepEqual(rulesOf(`${clean}CMD python a.py`), []);
  assert.deepEqual(rulesOf(`${clean}ENTRYPOINT python a.py`), ['3 shell-entrypoint']);
  for (const cmd of [
    'flask run',
    '["flask", "--app", "x", "run"]',
    'python manage.py runserver 0.0.0.0:80',
    '["npm","run","dev"]',
  ])
    assert.deepEqual(rulesOf(`${clean}CMD ${cmd}`), ['3 development-server'], cmd);
  assert.deepEqual(rulesOf(`${clean}ENV A=1 DB_PASSWORD="x y"\nARG TOKEN\nENV API_KEY $X`), ['3 secret']);
  assert.deepEqual(rulesOf(`${clean}VOLUME /data\nADD https://x.example/a /a\nONBUILD RUN x`), [
    '3 volume',
    '4 remote-add',
    '5 onbuild',
  ]);
});

const word = fc.constantFrom(
  'FROM',
  'a:1',
  'RUN',
  'git',
  'clone',
  'https://x/',
  '\\',
  '\n',
  '<<EOF',
  'EOF',
  '#',
  'syntax=',
  '"',
  "'",
  '$',
  '${A:-',
  '}',
  'ENV',
  'A=',
  '[',
  'CMD',
  '`',
  'EXPOSE',
  '80',
  '\t',
  ' ',
  '-',
  'USER',
);

test('no text makes the reader do anything but answer or refuse', () => {
  const text = fc.oneof(
    fc.array(word, { maxLength: 60 }).map((words) => words.join('')),
    fc.array(word, { maxLength: 60 }).map((words) => words.join(' ')),
    fc.string({ unit: 'binary', maxLength: 200 }),
  );
  holds(text, 3000, (one) => {
    for (const given of [one, `FROM a\n${one}`]) {
      try {
        const facts = read(given);
        assert.equal(facts.text.split('\n').length, given.split('\n').length);
        // What is built has no syntax line left, in no place where one is heeded.
        assert.equal(readInstructions(facts.text).syntax, null);
      } catch (error) {
        assert.ok(isFailure(error, 'bad-config'), String(error));
      }
    }
  });
});

test('a text made to be slow is read as fast as any other', () => {
  const long = (part: string) => part.repeat(Math.floor(200_000 / part.length));
  const doubled = 'ENV A=x$A$A$A$A$A$A$A$A\n'.repeat(30);
  for (const hostile of [
    'git ',
    'git $A$A$A$A$A ',
    'curl -x ',
    'https://',
    'A="',
    "A='\\",
    '$',
    '${A:-',
    'a@a',
    '- ',
    'flask run ',
  ])
    for (const name of ['RUN', 'ENV', 'CMD', 'EXPOSE', 'ARG', 'USER']) {
      const startedAt = process.cpuUsage().user;
      try {
        read(`${clean}ENV A=x\n${doubled}${name} ${long(hostile)}`);
      } catch (error) {
        assert.ok(isFailure(error), String(error));
      }
      // Of work, not of time: a hundred times what is usual, and a hundredth of what a bad pattern takes.
      assert.ok(process.cpuUsage().user - startedAt < 2_000_000, `${name} ${hostile}`);
    }
});
