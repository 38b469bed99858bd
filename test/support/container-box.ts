// Releases that are images, for tests with a real agent and no control: made of one little app on the suite's engine, put into the desired
// document, gone live.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildImage } from '../../src/agent/engine/build-image.ts';
import { engineAt } from '../../src/agent/engine/engine.ts';
import { lookAtEngine } from '../../src/agent/engine/look.ts';
import { contextOf } from '../../src/build/context/context.ts';
import { readIgnore } from '../../src/build/context/ignore.ts';
import type { DesiredApp, DesiredSet } from '../../src/domain/desired.ts';
import { type ImageId, parseImageId, type TreeId } from '../../src/domain/ids.ts';
import type { ObservedInstance } from '../../src/domain/observed.ts';
import type { ImageArtifact } from '../../src/domain/release.ts';
import { machine } from './agent-machine.ts';
import { baseImage } from './engine.ts';

export const source = readFileSync(join(import.meta.dirname, 'container-app.py'));
const noTree = '4b825dc642cb6eb9a060e54bf8d69288fbee4904' as TreeId;

const made = new Map<string, Promise<ImageId>>();
/** An image of the tests' app. @param lines what its Dockerfile says besides */
export function imageOf(socket: string, ...lines: string[]): Promise<ImageId> {
  const known = made.get(lines.join('\n')) ?? makeImage(socket, lines);
  made.set(lines.join('\n'), known);
  return known;
}

async function makeImage(socket: string, lines: readonly string[]): Promise<ImageId> {
  const dockerfile = [`FROM ${await baseImage('python')}`, 'WORKDIR /srv', 'COPY app.py .', ...lines].join('\n');
  const look = await lookAtEngine(socket);
  assert.equal(look.state, 'ready');
  const files = (async function* () {
    yield { mode: '100644' as const, path: Buffer.from('app.py'), size: source.length, content: source };
  })();
  const end = await buildImage({
    engine: { socket, facts: { api: look.state === 'ready' ? look.facts.api : '' } },
    context: contextOf({ files, ignores: readIgnore(''), dockerfile }),
    ...{ target: null, tag: null, labels: {}, buildArgs: {}, isUncached: false, deadlineMs: 120_000 },
    signal: new AbortController().signal,
    onLine: () => {},
  });
  assert.equal(end.end, 'built', JSON.stringify(end));
  return parseImageId(end.end === 'built' ? end.imageId : '')!;
}

export const start = 'CMD ["python", "-S", "app.py"]';

export type Box = Awaited<ReturnType<typeof machine>>;
export function setOf(
  box: Box,
  id: ImageId,
  more: Partial<DesiredSet> & { image?: Partial<ImageArtifact>; env?: Record<string, string> } = {},
): DesiredSet {
  const { image = {}, env = {}, ...rest } = more;
  const set = box.set(noTree, 'serve', rest);
  return {
    ...set,
    artifact: { ...set.artifact, image: { id, ports: [], hasOwnCommand: true, isGenerated: false, ...image } },
    processes: [{ type: 'web', count: 1, command: null, env }],
  };
}

/** It becomes what is live and routed. */
export async function goLive(
  box: Box,
  app: DesiredApp,
  set: DesiredSet,
  before: DesiredSet[] = [],
): Promise<ObservedInstance> {
  await box.put({ ...app, routed: before[0]?.id ?? null, sets: [...before, set] });
  const one = await box.ofSet(set, 'healthy', 'failed');
  assert.equal(one.state, 'healthy', JSON.stringify(one));
  await box.put({ ...app, routed: set.id, sets: [{ ...set, stage: 'live' }] });
  return one;
}

export async function openBox(socket: string): Promise<Box> {
  const box = await machine({ engineSocket: socket });
  await box.startRouter();
  return box;
}

export const inEngine = async (socket: string, box: Box, what: 'containers/json?all=1' | 'networks?') => {
  const filters = encodeURIComponent(JSON.stringify({ label: [`io.lockstep.node=${box.nodeId}`] }));
  return (await engineAt(socket).ask('GET', `/${what}&filters=${filters}`)).body as { Id: string; Labels: object }[];
};
