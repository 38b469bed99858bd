// Does memory grow with deploys? A real Lockstep, one small site, and deploy after deploy (every other one by config alone); every so
// many the three processes are asked, after a full collection: what V8 has, what malloc has, and how many things their collections
// hold. A leak is what goes on growing at the same pace; what levels off is a pool that has found its size.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Inspected, inspectable, privateKb } from '../test/support/inspector.ts';
import { Stage, until } from '../test/support/stage.ts';
import { say } from './support/report.ts';

const names = ['agent', 'control', 'router'] as const;
const files = {
  'index.html': '<h1>Page 0</h1>\n',
  Procfile: 'web: exec python3 -m http.server --bind 127.0.0.1 $PORT\n',
};

const { values } = parseArgs({
  options: {
    deploys: { type: 'string', default: '300' },
    every: { type: 'string', default: '50' },
    largest: { type: 'boolean', default: false },
  },
});
const [deploys, every] = [Number(values.deploys), Number(values.every)];

await using stage = await Stage.open(inspectable);
const work = await stage.makeApp('blog', files);
await stage.deploy(work);
const pids = stage.pids();
const saidBy = {
  agent: () => stage.upStderr,
  control: () => readFileSync(join(stage.home, 'logs', 'control.log'), 'utf8'),
  router: () => readFileSync(join(stage.home, 'logs', 'router.log'), 'utf8'),
};
const looks = new Map<string, Inspected>();
for (const name of names) looks.set(name, await Inspected.open(pids[name], saidBy[name]));

const mb = (bytes: number): string => (bytes / 1e6).toFixed(1);
async function look(count: number): Promise<void> {
  for (const name of names) {
    const one = looks.get(name)!;
    const held = await one.held();
    const memory = await one.memory();
    const kb = privateKb(pids[name]);
    const of = {
      heapUsed: memory.heapUsed,
      heapTotal: memory.heapTotal,
      external: memory.external,
      buffers: memory.arrayBuffers,
    };
    const words = Object.entries(of).map(([key, value]) => `${key} ${mb(value)}`);
    const sizes = Object.entries(kb).map(([key, value]) => `${key} ${mb(value * 1024)}`);
    process.stdout.write(
      `${JSON.stringify({ count, name, ...of, kb, maps: held.maps, sets: held.sets, arrays: held.arrays, objects: held.objects, resources: await one.resources() })}\n`,
    );
    say(
      `${count} ${name}: ${words.join(', ')}; private: ${sizes.join(', ')}; entries ${held.maps}/${held.sets}/${held.arrays}`,
    );
    if (values.largest) for (const line of held.largest) say(`    ${line}`);
  }
}

await look(0);
for (let at = 1; at <= deploys; at += 1) {
  if (at % 2 === 1) {
    await stage.edit(work, 'index.html', /Page \d+/, `Page ${at}`);
    await stage.deploy(work);
  } else {
    const { body } = await stage.api('/apps/blog/config', { method: 'PATCH', body: { set: { AT: `${at}` } } });
    const version = async (): Promise<number> =>
      (await stage.api('/apps/blog/releases?limit=1')).body.items[0]?.configVersion;
    await until(
      async () => (await version()) === body.version && (await stage.status('blog')).state === 'IN SYNC',
      60_000,
      () => `deploy ${at}: ${JSON.stringify(body)}\n${stage.logs()}`,
    );
  }
  if (at % every === 0) await look(at);
}
for (const one of looks.values()) one[Symbol.dispose]();
