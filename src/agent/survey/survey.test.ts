import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { AppId } from '../../domain/ids.ts';
import { homeFolders } from '../folders.ts';
import { type SurveyParts, survey } from './survey.ts';

test('a check that ends while the machine is looked at is told as running, or its copy as left over', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'lockstep-survey-'));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  const folders = homeFolders(home);
  const app = 'app_00000000000000000000000000' as AppId;
  mkdirSync(folders.copy(app, 'job_1'), { recursive: true });
  const told = async (endsAt: 'before' | 'after' | 'never'): Promise<string[]> => {
    let isRunning = endsAt !== 'before';
    const parts = {
      ...{ folders, desired: () => null, instances: () => new Set(), looked: () => [], alarm: () => null },
      copiesInUse: () => {
        const inUse = isRunning ? ['job_1'] : [];
        // It ends when the disk has been looked at, and the rest not yet.
        if (endsAt === 'after') isRunning = false;
        return inUse;
      },
      checks: { checking: () => (isRunning ? [app] : []) },
      containers: { found: async () => null, lookAtFilter: async () => null },
      router: { routes: async () => [], hello: async () => ({ alarm: null }) },
      engine: async () => ({ state: 'absent' }),
    } as unknown as SurveyParts;
    const { checking, leftOvers } = await survey(parts);
    return [...checking, ...leftOvers.map(({ kind, name }) => `${kind} ${name}`)];
  };
  assert.deepEqual(await told('before'), ['copy job_1']);
  assert.deepEqual(await told('after'), [app]);
  assert.deepEqual(await told('never'), [app]);
});
