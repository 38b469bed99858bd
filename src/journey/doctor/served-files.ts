// Is what lies in a release directory main's tree? The agent computed git's own id of it from the disk; here it is compared.
// Two things may differ by right: where a volume is linked the tree's own placeholder is gone, and without identities of
// their own Python programs may leave compiled files beside their sources. When the ids differ, both lists are held side by
// side and the files are named.
import { normalize } from 'node:path';
import { gitTreeId } from '../../agent/tree/git-tree-hash.ts';
import type { App } from '../../domain/app.ts';
import type { TreeId } from '../../domain/ids.ts';
import type { Artifact } from '../../domain/release.ts';
import type { ReleaseHash } from '../../domain/survey.ts';
import { refOf, type World } from '../world.ts';

const mostNamed = 5;
/** By tree and linked paths; main's tree never changes under an id. */
const expected = new Map<string, string>();
const mostExpected = 2000;

/** What differs from main's tree, in words; empty when it is main's tree. */
export async function differences(
  world: World,
  app: App,
  treeId: TreeId,
  artifact: Artifact,
  release: ReleaseHash,
  hasIdentities: boolean,
): Promise<string[]> {
  const declared = new Map(
    Object.entries(artifact.plan.volumes).map(([name, path]) => [normalize(path).replace(/\/+$/, ''), name]),
  );
  const wrongLinks = Object.entries(release.volumes)
    .filter(([path, name]) => declared.get(path) !== name)
    .map(([path]) => `${path} is linked to a volume that is not declared there`);
  const linked = Object.keys(release.volumes).filter((path) => declared.has(path));
  if (wrongLinks.length === 0 && release.treeId === (await expectedId(world, app, treeId, linked))) return [];
  const files = await differingFiles(world, app, treeId, linked, hasIdentities);
  return [...wrongLinks, ...files];
}

async function expectedId(world: World, app: App, treeId: TreeId, linked: readonly string[]): Promise<string> {
  if (linked.length === 0) return treeId;
  const key = JSON.stringify([treeId, ...linked]);
  const known = expected.get(key);
  if (known !== undefined) return known;
  const id = gitTreeId(
    [...(await filesOfTree(world, app, treeId, linked))].map(([path, { mode, blobId }]) => ({
      ...{ mode, blobId },
      path: Buffer.from(path, 'latin1'),
    })),
  );
  if (expected.size >= mostExpected) expected.clear();
  expected.set(key, id);
  return id;
}

type File = { mode: string; blobId: string };

/** By path, as latin1. */
async function filesOfTree(
  world: World,
  app: App,
  treeId: TreeId,
  without: readonly string[],
): Promise<Map<string, File>> {
  const { git } = await world.repositoryOf(app);
  const entries = (await git.lsTree(treeId)).map(
    ({ pathBytes, mode, id }) => [pathBytes.toString('latin1'), { mode, blobId: id as string }] as const,
  );
  return new Map(entries.filter(([path]) => !without.some((one) => path === one || path.startsWith(`${one}/`))));
}

async function differingFiles(
  world: World,
  app: App,
  treeId: TreeId,
  linked: readonly string[],
  hasIdentities: boolean,
): Promise<string[]> {
  const wanted = await filesOfTree(world, app, treeId, linked);
  const { listing } = await world.agent.hashTree(refOf(app), treeId, { withListing: true });
  const there = new Map((listing ?? []).map(({ path, mode, blobId }) => [path, { mode, blobId }]));
  const said: string[] = [];
  const show = (path: string) => JSON.stringify(Buffer.from(path, 'latin1').toString('utf8')).slice(1, -1);
  for (const [path, { mode, blobId }] of wanted) {
    const now = there.get(path);
    if (now === undefined) said.push(`${show(path)} is missing`);
    else if (now.blobId !== blobId) said.push(`${show(path)} was changed`);
    else if (now.mode !== mode) said.push(`${show(path)} has another mode`);
  }
  for (const path of there.keys()) {
    if (wanted.has(path) || (!hasIdentities && /(^|\/)__pycache__\//.test(path))) continue;
    said.push(`${show(path)} was added`);
  }
  return said.length > mostNamed ? [...said.slice(0, mostNamed), `${said.length - mostNamed} more differ`] : said;
}
