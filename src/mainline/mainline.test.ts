import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { CommitId } from '../domain/ids.ts';
import { run } from '../exec/exec.ts';
import { emptyTree } from '../git/argv.ts';
import { openRepository } from '../git/repository.ts';
import { fakeMainline } from './fake.ts';
import { localMainline } from './local.ts';
import type { Mainline } from './mainline.ts';

async function keepsTheContract(main: Mainline, [one, two, three]: [CommitId, CommitId, CommitId]): Promise<void> {
  assert.equal(await main.tip(), null);
  assert.equal(await main.advance(one, two), 'moved');
  assert.equal(await main.advance(null, one), 'advanced');
  assert.equal(await main.advance(null, two), 'moved');
  assert.equal(await main.advance(one, two), 'advanced');
  assert.equal(await main.advance(one, three), 'moved');
  assert.equal(await main.tip(), two);
  assert.deepEqual(await main.movedSince(null), [one, two]);
  assert.deepEqual(await main.movedSince(one), [two]);
  assert.equal(await main.movedSince(three), null);
}

test('the fake keeps the contract', () =>
  keepsTheContract(fakeMainline(), ['1', '2', '3'].map((digit) => digit.repeat(40)) as never));

test('the local repository keeps the contract', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lockstep-main-'));
  try {
    const { git, privileged, path } = await openRepository(join(folder, 'a.git'));
    await run(['git', `--git-dir=${path}`, 'mktree'], { env: git.env, input: '', okCodes: [0] });
    const who = { name: 'l', email: 'l@l', atSeconds: 1 };
    const commit = (message: string) =>
      git.commitTree({ tree: emptyTree, parents: [], message, author: who, committer: who });
    assert.equal(await commit('1'), await commit('1'));
    await keepsTheContract(localMainline(privileged), [await commit('1'), await commit('2'), await commit('3')]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
