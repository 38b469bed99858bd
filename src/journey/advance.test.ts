import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CommitId } from '../domain/ids.ts';
import { fakeMainline } from '../mainline/fake.ts';
import type { Mainline } from '../mainline/mainline.ts';
import { advanceSurely } from './advance.ts';

const [a, b, c] = ['a', 'b', 'c'].map((letter) => letter.repeat(40) as CommitId) as [CommitId, CommitId, CommitId];

async function mainAt(base: CommitId): Promise<Mainline> {
  const mainline = fakeMainline();
  await mainline.advance(null, base);
  return mainline;
}

test('an advance that moved main and then failed has advanced', async () => {
  const mainline = await mainAt(a);
  const broken = async (base: CommitId | null, candidate: CommitId) => {
    await mainline.advance(base, candidate);
    throw new Error('the answer was lost');
  };
  assert.equal(await advanceSurely({ ...mainline, advance: broken }, a, b), 'advanced');
});

test('an advance that failed before it moved main is an error', async () => {
  const mainline = await mainAt(a);
  const broken = () => Promise.reject(new Error('no room'));
  await assert.rejects(advanceSurely({ ...mainline, advance: broken }, a, b), /no room/);
});

test('main that stands elsewhere has moved, or has been at the candidate meanwhile', async () => {
  const broken = () => Promise.reject(new Error('the answer was lost'));
  const elsewhere = await mainAt(a);
  await elsewhere.advance(a, c);
  assert.equal(await advanceSurely({ ...elsewhere, advance: broken }, a, b), 'moved');
  const further = await mainAt(a);
  await further.advance(a, b);
  await further.advance(b, c);
  assert.equal(await advanceSurely({ ...further, advance: broken }, a, b), 'advanced');
});

test('main that cannot be asked is unknown', async () => {
  const mainline = await mainAt(a);
  const broken = () => Promise.reject(new Error('gone'));
  assert.equal(await advanceSurely({ ...mainline, advance: broken, tip: broken }, a, b), 'unknown');
});
