// Deploys in a row under a steady load of everything that a visitor can ask of an app, whatever it runs in: none of them may be felt.
import assert from 'node:assert/strict';
import { type Stage, until } from './stage.ts';
import { Traffic, trafficApp } from './traffic.ts';

/** `LOCKSTEP_LOAD_DEPLOYS=N`: so many, and not as many as a file takes for enough. */
const wanted = Number(process.env.LOCKSTEP_LOAD_DEPLOYS ?? 0);

export const deploysOf = (usual: number): number => (wanted > 0 ? wanted : usual);

/** The app with its first release live; its work tree. `files`: what it has besides. */
export async function makeTrafficApp(stage: Stage, app: string, files: Record<string, string> = {}): Promise<string> {
  const work = await stage.makeApp(app, trafficApp);
  if (Object.keys(files).length > 0) {
    stage.write(work, files);
    await stage.commit(work, 'what it runs in');
  }
  await stage.deploy(work);
  return work;
}

/** @returns how many requests ended well */
export async function deployUnderLoad(stage: Stage, app: string, work: string, deploys: number): Promise<number> {
  await using traffic = Traffic.of(stage, app);
  for (let number = 1; number <= deploys; number += 1) {
    await stage.edit(work, 'change.txt', /.*/, `change ${number}`);
    await stage.deploy(work);
  }
  const { release } = await stage.inSync(app);
  assert.equal(release.version, deploys + 1);
  await until(
    () => traffic.newest === deploys + 1,
    10_000,
    () => `v${traffic.newest} is the newest`,
  );
  assert.deepEqual(await traffic.verdict(), []);
  for (const name of ['fresh', 'kept', 'slow', 'post', 'upload', 'download'])
    assert.ok((traffic.counts[name] ?? 0) >= 5, `${name}: ${traffic.counts[name]}`);
  return traffic.requests;
}
