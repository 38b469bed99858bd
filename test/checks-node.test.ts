// Two little apps through the whole gate: JavaScript (Express, npm, node --test, ESLint) and TypeScript (Hono, a build, vitest,
// Biome, tsc, TypeDoc). Each red push names the check, the file and the line, and leaves what is live as it was.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { PageWatch, releaseNumber } from './support/page-watch.ts';
import { root, Stage } from './support/stage.ts';

let stage: Stage;
before(async () => {
  stage = await Stage.open();
  stage.giveTools('npm');
});
after(() => stage[Symbol.asyncDispose]());

/** A push that must be refused by a check, with a line of its own; the work tree is as before. */
async function red(work: string, change: Record<string, string> | (() => Promise<unknown>), ...expected: RegExp[]) {
  if (typeof change === 'function') await change();
  else {
    stage.write(work, change);
    await stage.commit(work, 'something that must not land');
  }
  const pushed = await stage.push(work);
  assert.notEqual(pushed.code, 0, pushed.stderr);
  for (const line of [...expected, /REJECTED by /]) assert.match(pushed.stderr, line, pushed.stderr);
  await stage.git(work, 'reset', '-q', '--hard', 'HEAD~1');
}

test('a JavaScript app: green, each of its checks red once, rolled back, and never a page missed', async () => {
  const work = await stage.makeApp('shop', join(root, 'examples', 'node-express'));
  const first = await stage.deploy(work);
  for (const line of [
    /Node \(Express\)/,
    /style ok.*no findings \(eslint\)/,
    /tests ok.*3 tests \(node\)/,
    /coverage ok/,
  ])
    assert.match(first, line);
  await using watch = new PageWatch(stage, 'shop', releaseNumber(/things/));
  await stage.edit(work, 'app.js', '<title>Shopping', '<title>Shopping list');
  await stage.deploy(work);
  assert.match((await stage.get('shop')).body, /Shopping list/);

  await red(
    work,
    { 'loud.js': `export {};\nif (loudness) {\n}\n` },
    /style FAILED[^\n]*loud\.js:2 no-undef: 'loudness' is not defined/,
  );
  const many = Array.from({ length: 24 }, (_, at) => `  if (word === '${at}') return ${at};`).join('\n');
  const more = `/** A number for a word. */\nexport function more(word) {\n${many}\n  return null;\n}\n`;
  stage.write(work, { 'more.js': more, 'test/more.test.js': "import '../more.js';\n" });
  await red(
    work,
    () => stage.edit(work, 'test/cart.test.js', 'assert.equal(total(), 3);', 'assert.equal(total(), 4);'),
    /tests FAILED[^\n]*test\/cart\.test\.js:10 the same thing is counted together/,
    /coverage FAILED[^\n]*more\.js:3 not covered/,
  );
  await red(work, { 'cart.js': 'export {};\n' }, /REJECTED by (?:tests|style)/);

  const back = await stage.lockstep(['rollback', '-a', 'shop', 'v1']);
  assert.equal(back.code, 0, back.stderr);
  assert.doesNotMatch((await stage.get('shop')).body, /Shopping list/);
  assert.deepEqual(watch.problems(), []);
  assert.ok(watch.requests > 50);
});

test('a TypeScript app: built, green, each of its checks red once, deployed again from what was built', async () => {
  const work = await stage.makeApp('units', join(root, 'examples', 'ts-hono'));
  const first = await stage.deploy(work);
  for (const line of [
    /it is built by "build" of package\.json/,
    /style ok.*no findings \(biome\)/,
    /types ok.*no findings \(tsc\)/,
    /tests ok.*3 tests \(vitest\)/,
    /coverage ok/,
    /docstrings ok.*4 of 4 public definitions/,
    /docs ok.*built without warnings \(typedoc\)/,
  ])
    assert.match(first, line, first);
  assert.equal((await stage.get('units', '/12/km/mi')).body, '{"value":7.456454,"unit":"mi"}');

  const tail = (text: string) => () => stage.edit(work, 'src/convert.ts', /$/, text);
  await red(
    work,
    tail("\n/** A word. */\nexport const word = 'x' ;\n"),
    /style FAILED[^\n]*src\/convert\.ts:18 format: this line is not formatted/,
  );
  // One change that everything but style has a word about; the build itself is fine.
  const cases = Array.from({ length: 24 }, (_, at) => `  if (word === 'w${at}') return ${at};`).join('\n');
  const more = `\nexport function more(word: string): number {\n${cases}\n  return -1;\n}\n`;
  await stage.edit(work, 'src/convert.ts', /$/, `${more}\n/** As {@link nowhere} says. */\nexport const many = 12;\n`);
  await stage.git(work, 'reset', '-q', '--soft', 'HEAD~1');
  await stage.edit(work, 'test/convert.test.ts', 'toBe(1000)', 'toBe(1001)');
  await stage.git(work, 'reset', '-q', '--soft', 'HEAD~1');
  await red(
    work,
    () => stage.edit(work, 'test/convert.test.ts', "isUnit('toString')", 'isUnit(5)'),
    /types FAILED[^\n]*test\/convert\.test\.ts:13 TS2345: Argument of type 'number' is not assignable/,
    /tests FAILED[^\n]*test\/convert\.test\.ts:6 lengths are converted both ways/,
    /coverage FAILED[^\n]*src\/convert\.ts:18 not covered/,
    /docstrings FAILED[^\n]*src\/convert\.ts:17 no docstring: function more is public and new/,
    /docs FAILED[^\n]*src\/convert\.ts:45 typedoc: Failed to resolve link to "nowhere"/,
  );
  await red(
    work,
    () => stage.edit(work, 'package.json', '"tsc -p tsconfig.build.json"', '"echo no such step >&2; exit 4"'),
    /build FAILED[^\n]*the build failed: .*"build" of package\.json ended with exit 4/,
  );
  assert.equal((await stage.get('units', '/1/km/m')).body, '{"value":1000,"unit":"m"}');

  const doctor = await stage.lockstep(['doctor']);
  assert.match(doctor.stdout, /no problem/, doctor.stdout + doctor.stderr);
});
