import assert from 'node:assert/strict';
import { test } from 'node:test';
import { id, live as liveOf } from '../../api/fake-things.ts';
import { comparisonLines } from '../../cli/commands/local-said.ts';
import type { App } from '../../domain/app.ts';
import type { ImageId, TreeId } from '../../domain/ids.ts';
import { compareWithLive, type Here } from './compare.ts';

const layer = (letter: string) => `sha256:${letter.repeat(64)}`;
const live = (() => {
  const facts = liveOf({ id: id('app'), name: 'blog' } as unknown as App);
  const details = { ...facts.image!.details!, layers: ['a', 'b', 'c', 'd'].map(layer), engine: '20.10' };
  return { ...facts, image: { ...facts.image!, details } };
})();

const here = (more: Partial<Here> = {}): Here => ({
  ...{ image: layer('1') as ImageId, tree: live.release.tree, details: live.image.details },
  ...{ base: { name: 'python:3.11-slim', layers: 2 }, changed: [], inputs: ['requirements.txt'] },
  ...more,
});

const said = (given: Here): string => comparisonLines(compareWithLive(given, live)!).join('\n');

test('the same id is the same image, and nothing more is said', () => {
  assert.equal(said(here({ image: live.image.id })), `this is the very image that is live (v1): ${live.image.id}`);
  assert.equal(compareWithLive(here(), { ...live, image: null }), null);
});

test('of the same tree in another image everything is said that could differ, and how to get the one that is live', () => {
  const details = { ...live.image.details, layers: ['a', 'b', 'c', 'e'].map(layer) };
  const text = said(here({ details }));
  assert.match(text, /^this is not the image that is live \(v1\)\n {2}image +sha256:1{12} here, sha256:c{12} live\n/);
  assert.match(text, /base image +python:3\.11-slim, the same \(2 layers\)/);
  assert.match(text, /layers +the first 3 of 4 are the same/);
  for (const what of ['tree', 'Dockerfile', 'dependencies', 'start', 'platform', 'engine'])
    assert.match(text, new RegExp(`  ${what} +the same`), what);
  assert.match(text, /lockstep local run --live runs the one that is live$/);
});

test('another tree, base, platform or engine is told with both sides', () => {
  const changed = ['Dockerfile', 'a.py', 'requirements.txt', 'web/package-lock.json'];
  const details = { layers: ['x', 'y', 'z'].map(layer), platform: 'linux/arm64', config: 'other', engine: '29.1' };
  const text = said(here({ tree: 'f'.repeat(40) as TreeId, changed, details }));
  assert.match(text, /tree +f{10} here, b{10} live: Dockerfile, a\.py, requirements\.txt, web\/package-lock\.json/);
  assert.match(text, /Dockerfile +Dockerfile differs/);
  assert.match(text, /dependencies +requirements\.txt, web\/package-lock\.json differs/);
  assert.match(text, /base image +python:3\.11-slim is sha256:y{12} here, sha256:b{12} live: docker pull/);
  assert.match(text, /layers +the first 0 of 3/);
  assert.match(text, /start +user, folder, environment, command or ports differ/);
  assert.match(text, /platform +linux\/arm64 here, linux\/amd64 live/);
  assert.match(text, /engine +29\.1 here, 20\.10 live/);
});

test('what is not known is said so', () => {
  const text = said(here({ tree: 'f'.repeat(40) as TreeId, changed: null, details: null, base: null }));
  assert.match(text, /commit a{7} is not in this repository: git fetch lockstep/);
  assert.match(text, /dependencies +not known/);
  assert.match(text, /layers +not known/);
});
