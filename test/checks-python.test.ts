// The gate on Python: three little apps, each refused for one thing after the other, by file and line.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { leftOver } from './support/left-over.ts';
import { type Json, root, Stage } from './support/stage.ts';

let stage: Stage;
before(async () => {
  stage = await Stage.open();
  stage.giveTools('mypy', 'black', 'sphinx', 'mkdocs');
});
after(() => stage[Symbol.asyncDispose]());

/** One way to be refused: what is changed, and the line in which the pusher reads why. */
type Red = {
  what: string;
  /** Text that is added at a file's end; a file that is not there is new. */
  add?: Record<string, string>;
  /** Text in a file, exchanged. */
  exchange?: readonly [file: string, from: string | RegExp, to: string];
  /** The checks, and where each points. */
  says: readonly string[];
};

type App = {
  name: string;
  example: string;
  /** Checks that the first push must show as done. */
  checks: readonly string[];
  green: Red['exchange'];
  page: RegExp;
  reds: readonly Red[];
};

/** A documented function of many lines that no test runs. */
const untested = (head: string) =>
  `\n\ndef untested(${head}:\n    """Nothing calls this."""\n    value = 0\n${'    value += 1\n'.repeat(24)}    return value\n`;

const apps: readonly App[] = [
  {
    name: 'guestbook',
    example: 'flask-guestbook',
    checks: ['style', 'types', 'tests', 'coverage', 'docstrings', 'docs'],
    green: ['guestbook/config.py', /^HEADLINE = .*$/m, 'HEADLINE = "Second"'],
    page: /<h1>Second/,
    reds: [
      {
        what: 'style',
        add: { 'guestbook/config.py': '\n\nimport os,sys\n' },
        says: ['style FAILED: guestbook/config.py:{last} E'],
      },
      {
        what: 'types, tests, coverage, docstrings and docs, all of one change',
        add: {
          'guestbook/config.py': '\n\nLIMIT: int = "many"\n',
          'guestbook/extra.py':
            '"""More."""\n\nfrom guestbook import nothere\n\nTHERE = nothere\n\n\ndef more():\n    return 1\n',
          'guestbook/entries.py': untested(')'),
        },
        exchange: ['guestbook/entries.py', /return /, 'return None and '],
        says: [
          'types FAILED: guestbook/config.py:{last} assignment',
          'tests FAILED: tests/test_',
          'coverage FAILED: guestbook/entries.py:',
          'docstrings FAILED: guestbook/extra.py:8 no docstring: function more',
          'docs FAILED: guestbook/extra.py:3 import: guestbook.extra cannot be imported',
        ],
      },
    ],
  },
  {
    name: 'notes',
    example: 'fastapi-notes',
    checks: ['style', 'format', 'types', 'tests', 'coverage', 'docstrings', 'docs'],
    green: ['notes/api.py', /^TITLE = .*$/m, 'TITLE = "Second"'],
    page: /"Second"/,
    reds: [
      {
        what: 'style and format',
        add: { 'notes/store.py': "\n\nimport os\nNAME = 'x'\n" },
        says: ['style FAILED: notes/store.py:{last-1} ', 'format FAILED: notes/store.py:{last} format'],
      },
      {
        what: 'types, tests, coverage, docstrings and docs, all of one change',
        add: {
          'notes/store.py': `${untested(') -> int')}\n\nLIMIT: int = "many"\n`,
          'notes/extra.py': 'LIMIT = 1\n',
          'docs/index.md': '\nMore is [there](gone.md).\n',
        },
        exchange: ['notes/store.py', 'self._notes[note.number] = note', 'self._notes[0] = note'],
        says: [
          'types FAILED: notes/store.py:{last} assignment',
          'tests FAILED: tests/test_api.py:',
          'coverage FAILED: notes/store.py:',
          'docstrings FAILED: notes/extra.py:1 no docstring: module notes.extra',
          'docs FAILED: docs/index.md:{last} mkdocs',
        ],
      },
    ],
  },
  {
    name: 'polls',
    example: 'django-polls',
    checks: ['style', 'tests', 'coverage', 'docstrings', 'docs'],
    green: ['polls/views.py', /^HEADLINE = .*$/m, 'HEADLINE = "Second"'],
    page: /<h1>Second/,
    reds: [
      { what: 'style', add: { 'polls/models.py': '\n\nimport os\n' }, says: ['style FAILED: polls/models.py:{last} '] },
      {
        what: 'tests, coverage, docstrings and docs, all of one change',
        add: {
          'polls/models.py': `${untested(')')}\n\nclass Answer:\n    pass\n`,
          'docs/index.rst': '\nMore is there: `gone`_.\n',
        },
        exchange: ['polls/models.py', '<= timezone', '>= timezone'],
        says: [
          'tests FAILED: polls/tests.py:',
          'coverage FAILED: polls/models.py:',
          'docstrings FAILED: polls/models.py:{last-1} no docstring: class Answer',
          'docs FAILED: docs/index.rst:{last} docutils',
        ],
      },
    ],
  },
];

for (const app of apps)
  describe(app.example, () => {
    let work: string;
    const git = (...words: string[]) => stage.git(work, ...words);

    test('the first push is live with every check done, and a change of a line after it', async () => {
      work = await stage.makeApp(app.name, join(root, 'examples', app.example));
      if (app.checks.includes('types') && app.name === 'guestbook') {
        stage.write(work, { 'mypy.ini': '[mypy]\nfiles = guestbook\n' });
        await stage.commit(work, 'types');
      }
      const first = await stage.deploy(work);
      for (const check of app.checks) assert.match(first, new RegExp(`remote: ${check} ok`), first);
      assert.doesNotMatch(first, /recorded as the baseline/, first);
      await stage.edit(work, ...app.green!);
      const said = await stage.deploy(work);
      for (const check of app.checks) assert.match(said, new RegExp(`remote: ${check} ok`), said);
      assert.match((await stage.get(app.name)).body, app.page);
    });

    for (const red of app.reds)
      test(`refused: ${red.what}`, async () => {
        for (const [file, text] of Object.entries(red.add ?? {})) {
          const old = await readOr(join(work, file));
          stage.write(work, { [file]: old + text });
        }
        try {
          if (red.exchange) await stage.edit(work, ...red.exchange);
          else await stage.commit(work, red.what);
          const pushed = await stage.push(work);
          assert.equal(pushed.code, 1, pushed.stderr);
          const lengthOf = (file: string) => readFileSync(join(work, file), 'utf8').split('\n').length - 1;
          for (const line of red.says) {
            const says = line.replace(/(\S+):\{last(-1)?\}/, (_, file: string, before?: string) =>
              [file, lengthOf(file) - (before ? 1 : 0)].join(':'),
            );
            const [check, place] = says.split(/: (.*)/s) as [string, string];
            assert.match(pushed.stderr, new RegExp(`remote: ${check} [\\d.]+s: `), pushed.stderr);
            assert.ok(pushed.stderr.includes(place), `${says}\n${pushed.stderr}`);
          }
        } finally {
          await git('reset', '-q', '--hard', 'HEAD~1');
        }
      });
  });

test('API pages that a change cannot have changed are those of main, and what can be seen on them is built again', async () => {
  const work = join(stage.folder, 'guestbook');
  const summary = async (): Promise<string> => {
    const { id } = await stage.lastChange('guestbook');
    const { verdict } = (await stage.api(`/apps/guestbook/changes/${id}`)).body;
    return verdict.checks.find((one: Json) => one.name === 'docs').summary;
  };
  const names = ['index.html', 'search.js', 'wsgi.html', 'guestbook/config.html', 'guestbook/pages.html'];
  const pages = async () => {
    const answers = await Promise.all(names.map((name) => stage.get('docs--guestbook', `/${name}`)));
    assert.deepEqual(
      answers.map(({ status }) => status),
      names.map(() => 200),
    );
    return answers.map(({ body }) => body);
  };
  const built = /^\d+ pages \(pdoc\)$/;
  await stage.edit(work, 'guestbook/config.py', 'Return the folder for the database.', 'Say where the database is.');
  await stage.deploy(work);
  assert.match(await summary(), built);
  const before = await pages();
  assert.match(before[3]!, /Say where the database is/);
  // What search finds is small: the browser makes its index of it, whether the server has Node or not.
  assert.match(before[1]!, /"fullname": "guestbook\.config"/);
  assert.doesNotMatch(before[1]!, /"_isPrebuiltIndex": true/);

  await stage.edit(work, 'guestbook/pages.py', '"max_name": config.MAX_NAME', '"max_name": int(config.MAX_NAME)');
  await stage.deploy(work);
  assert.match(await summary(), /^\d+ pages \(pdoc\), as on main$/);
  assert.deepEqual(await pages(), before);

  // What was taken over is, byte for byte, what a build of the new commit gives.
  await stage.git(work, 'commit', '-q', '--allow-empty', '-m', 'again');
  const again = await stage.push(work, '-o', 'recheck', 'main');
  assert.equal(again.code, 0, again.stderr);
  assert.match(await summary(), built);
  assert.deepEqual(await pages(), before);

  await stage.edit(work, 'guestbook/config.py', 'MAX_NAME = 60', 'MAX_NAME = 61');
  await stage.deploy(work);
  assert.match(await summary(), built);
  assert.match((await pages())[3]!, /61/);
});

test('a backend in a folder is tested with what that folder requires, and refused by its own path', async () => {
  const work = await stage.makeApp('parts', {
    Procfile: 'web: exec python3 -m http.server "$PORT" --bind 127.0.0.1\n',
    'api/requirements.txt': 'six==1.17.0\n',
    'api/src/shop/__init__.py': '"""A shop."""\n\nimport six\n\nKINDS = six.string_types\n',
    'api/ruff.toml': '[lint]\nignore = ["E731"]\n',
    'api/src/shop/old.py': '"""Old."""\n\nimport os\n\nX = lambda: 1\n',
    'api/pytest.ini': '[pytest]\npythonpath = src\n',
    'api/tests/test_shop.py': 'import shop\n\n\ndef test_kinds():\n    assert shop.KINDS == (str,)\n',
  });
  const first = await stage.deploy(work);
  assert.match(first, /remote: tests \(api\) ok [\d.]+s: 1 test/, first);
  const ready = await waiting();
  await stage.edit(work, 'api/src/shop/old.py', 'X = lambda: 1', 'X = lambda: 2');
  const said = await stage.deploy(work);
  // Its tests ran in what had waited: the record is that of the job now.
  assert.equal(jobs().find(({ id }) => id === ready.id)?.isAhead, undefined);
  assert.equal(jobs().find(({ id }) => id === ready.id)?.process?.pid, ready.process.pid);
  assert.match(said, /remote: style \(api\) ok [\d.]+s: no findings on changed lines \(1 older\)/, said);
  const second = await waiting();
  assert.notEqual(second.process.pid, ready.process.pid);
  await stage.edit(work, 'api/src/shop/__init__.py', 'string_types', 'integer_types');
  const pushed = await stage.push(work);
  assert.equal(pushed.code, 1, pushed.stderr);
  assert.match(pushed.stderr, /remote: tests \(api\) FAILED [\d.]+s: api\/tests\/test_shop\.py:5 test_kinds/);
  assert.equal(jobs().find(({ id }) => id === second.id)?.process?.pid, second.process.pid);

  const third = await waiting();
  await stage.killAgent();
  await stage.up();
  await until('what waited has gone with its folder', () => !existsSync(join(stage.home, 'agent/jobs', third.id)));
  assert.deepEqual(
    leftOver(stage.home).filter((line) => line.includes(third.id)),
    [],
  );
  const destroyed = await stage.lockstep(['destroy', '-a', 'parts', '--yes']);
  assert.equal(destroyed.code, 0, destroyed.stderr);
});

type Job = {
  id: string;
  isAhead?: true;
  uses: { appId: string; copy: string | null };
  process: { pid: number } | null;
};

/** What the agent remembers of the jobs of the app that was made last. */
function jobs(): Job[] {
  const folder = join(stage.home, 'agent/jobs');
  const records = readdirSync(folder).flatMap((name) => {
    try {
      return JSON.parse(readFileSync(join(folder, name, 'record.json'), 'utf8')) as Job;
    } catch {
      return []; // it has gone meanwhile
    }
  });
  const newest = records
    .map(({ uses }) => uses.appId)
    .sort()
    .at(-1);
  return records.filter(({ uses }) => uses.appId === newest);
}

/** A program that waits for the tests of the next change. */
const waiting = () =>
  until('a program waits for its job', () => {
    const one = jobs().find(({ isAhead, process }) => isAhead && process !== null);
    return one?.process ? { ...one, process: one.process } : null;
  });

async function until<T>(what: string, look: () => T | null | false): Promise<T> {
  const limit = performance.now() + 30_000;
  for (let found = look(); ; found = look()) {
    if (found) return found;
    if (performance.now() > limit) throw new Error(`never: ${what}\n${stage.logs()}`);
    await sleep(20);
  }
}

async function readOr(file: string): Promise<string> {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
