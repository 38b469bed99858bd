// Five applications that were not written here reach live with no configuration.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { publishedApps } from './support/published-apps.ts';
import { Stage } from './support/stage.ts';

let stage: Stage;
let apps: string | null;

before(async () => {
  stage = await Stage.open();
  stage.giveTools('npm');
  apps = await publishedApps(stage);
});
after(() => stage[Symbol.asyncDispose]());

type Expected = { detector: RegExp; path: string; status: number; text: RegExp };

/** Creates the app, pushes it as it is, and asks for its page. null: it is not to be had here. */
async function goesLive(
  t: TestContext,
  name: string,
  expected: Expected,
): Promise<{ work: string; said: string } | null> {
  if (apps === null) {
    t.skip('the Python package index cannot be reached from here');
    return null;
  }
  const work = await stage.makeApp(name, join(apps, name));
  for (const file of ['lockstep.yml', 'Procfile', 'app.json']) assert.equal(existsSync(join(work, file)), false);
  const said = await stage.deploy(work);
  if (process.env.LOCKSTEP_TEST_SHOW) process.stderr.write(`${said}\n`);
  assert.match(said, expected.detector);
  assert.match(said, /remote: live: http:\S+ \(v1\)/);
  const page = await stage.get(name, expected.path);
  assert.equal(page.status, expected.status, page.body);
  assert.match(page.body, expected.text);
  const status = await stage.lockstep(['status', '-a', name, '--json']);
  assert.equal(status.code, 0, status.stdout);
  assert.equal(JSON.parse(status.stdout).state, 'IN SYNC');
  return { work, said };
}

test("Django's own startproject", async (t) => {
  const live = await goesLive(t, 'startproject', {
    detector: /remote: Django: manage\.py names mysite\.settings/,
    path: '/',
    status: 200,
    text: /The install worked successfully/,
  });
  if (!live) return;
  assert.match(live.said, /tests warning: no tests were found/);
  assert.match(live.said, /migrations run only if you say so/);
  await stage.edit(
    live.work,
    'mysite/urls.py',
    'urlpatterns = [',
    "urlpatterns = [\n    path('also/', admin.site.urls),",
  );
  await stage.deploy(live.work);
  assert.equal((await stage.get('startproject', '/also/login/')).status, 200);
  assert.equal((await stage.get('startproject', '/admin/login/')).status, 200);
});

test("Flask's tutorial: a package with a factory, an instance folder and a database that is made by hand", async (t) => {
  const live = await goesLive(t, 'factory', {
    detector: /remote: Flask: flaskr\/__init__\.py has the factory create_app\(\)/,
    path: '/hello',
    status: 200,
    text: /Hello, World!/,
  });
  if (!live) return;
  assert.match(live.said, /remote: tests ok/);
  assert.match(live.said, /the app answers 500: it is live because nothing was before it/);
  assert.match(live.said, /no such table: post/);
  const made = await stage.lockstep(['run', '-a', 'factory', '--', 'flask', '--app', 'flaskr', 'init-db']);
  assert.equal(made.code, 0, made.stderr + made.stdout);
  const page = await stage.get('factory');
  assert.equal(page.status, 200, page.body);
  assert.match(page.body, /<h1>Posts<\/h1>/);
  // What was made is still there in the next release.
  await stage.edit(live.work, 'flaskr/templates/blog/index.html', 'Posts', 'Entries');
  await stage.deploy(live.work);
  assert.match((await stage.get('factory')).body, /<h1>Entries<\/h1>/);
  assert.equal((await stage.status('factory')).state, 'IN SYNC');
});

test("FastAPI's larger example, whose front page wants a token", async (t) => {
  await goesLive(t, 'quickstart', {
    detector: /remote: FastAPI: app\/main\.py has app = FastAPI/,
    path: '/?token=jessica',
    status: 200,
    text: /Hello Bigger Applications!/,
  });
});

test('a src layout with pyproject.toml and uv.lock', async (t) => {
  await goesLive(t, 'src-layout', {
    detector: /remote: Flask: src\/task_app\/__init__\.py has the factory create_app\(\)/,
    path: '/',
    status: 200,
    text: /<h2>Celery Example<\/h2>/,
  });
});

test('a legacy app full of style findings: the baseline, then only changed lines count', async (t) => {
  const live = await goesLive(t, 'legacy', {
    detector: /remote: Flask: httpbin\/core\.py has app = Flask/,
    path: '/get?fruit=apple',
    status: 200,
    text: /"fruit": "apple"/,
  });
  if (!live) return;
  assert.match(live.said, /style warning: \d{2,} findings[^\n]*: recorded as the baseline/);
  const { work } = live;
  const commit = await stage.edit(work, 'httpbin/core.py', 'This module provides the core', 'This module has the core');
  assert.match(await stage.deploy(work), /remote: style ok/);
  assert.equal((await stage.inSync('legacy')).release.commit, commit);
  await stage.edit(work, 'httpbin/utils.py', /$/, '\nimport os,sys\n');
  const refused = await stage.push(work);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /remote: style FAILED [\d.]+s: httpbin\/utils\.py:\d+ E/);
  assert.doesNotMatch(refused.stderr, /remote: {3}httpbin\/(?!utils\.py)/);
  assert.equal((await stage.inSync('legacy')).release.commit, commit);
});
