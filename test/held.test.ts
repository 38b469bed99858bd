// What agent and control hold does not grow with the deploys: their own collections are counted in the running processes, before and
// after some more deploys. Memory itself proves nothing in so short a time; one entry a deploy that nobody takes away does.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Inspected, inspectable } from './support/inspector.ts';
import { Stage, until } from './support/stage.ts';

const rounds = 6;
/** Of each round (a push and a change of config), what is kept on purpose, within a limit of its own. */
const keptOnPurpose = {
  agent: 0,
  // The words of two works (`progress.ts`), the page that was pushed (`git-tree.ts`).
  control: 3,
};
/** What happens to be under way, and main's tree as it was last asked for (`doctor/app-facts.ts`). */
const slack = 4;

test('the collections of agent and control do not grow with the deploys, nor do their descriptors', async (context) => {
  await using stage = await Stage.open(inspectable);
  const work = await stage.makeApp('blog', {
    'index.html': '<h1>Page 0</h1>\n',
    Procfile: 'web: exec python3 -m http.server --bind 127.0.0.1 $PORT\n',
  });
  await stage.deploy(work);
  const pids = stage.pids();
  const log = () => readFileSync(join(stage.home, 'logs', 'control.log'), 'utf8');
  using agent = await Inspected.open(pids.agent, () => stage.upStderr);
  using control = await Inspected.open(pids.control, log);
  let page = 0;
  const deploys = async (): Promise<void> => {
    for (let at = 0; at < rounds; at += 1) {
      await stage.edit(work, 'index.html', `Page ${page}`, `Page ${page + 1}`);
      page += 1;
      await stage.deploy(work);
      const { body } = await stage.api('/apps/blog/config', { method: 'PATCH', body: { set: { AT: `${page}` } } });
      const live = async () => (await stage.api('/apps/blog/releases?limit=1')).body.items[0];
      await until(
        async () => (await live()).configVersion === body.version && (await live()).state === 'live',
        60_000,
        () => stage.logs(),
      );
    }
    await stage.inSync('blog');
  };
  const count = async () => {
    const of = async (one: Inspected, pid: number) => {
      const { maps, sets, largest } = await one.held();
      return { held: maps + sets, files: readdirSync(`/proc/${pid}/fd`).length, largest };
    };
    return { agent: await of(agent, pids.agent), control: await of(control, pids.control) };
  };
  // What is loaded and opened at first use is there afterwards.
  await deploys();
  const before = await count();
  await deploys();
  const after = await count();
  for (const name of ['agent', 'control'] as const) {
    const [was, is] = [before[name], after[name]];
    context.diagnostic(`${name}: ${was.held} -> ${is.held} entries, ${was.files} -> ${is.files} descriptors`);
    const most = was.held + rounds * keptOnPurpose[name] + slack;
    assert.ok(is.held <= most, `${name} holds ${is.held} entries, ${was.held} before:\n${is.largest.join('\n')}`);
    assert.ok(is.files <= was.files + slack, `${name} has ${is.files} descriptors, ${was.files} before`);
  }
});
