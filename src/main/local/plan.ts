// What `lockstep gate` would run, decided from the files alone: no agent, no tool and no layer is asked for.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BlobCache, type GitTree, openGitTree } from '../../build/git-tree.ts';
import { planAsWritten } from '../../build/image-plan.ts';
import { imageWork } from '../../build/image-work.ts';
import { gateOfTree } from '../../build/plan.ts';
import { testedParts } from '../../build/tests-in-image.ts';
import { lineOfKey } from '../../config/readers/key-line.ts';
import type { AppId, TreeId } from '../../domain/ids.ts';
import type { Plan } from '../../domain/plan.ts';
import type { Check, CheckPlan } from '../../gate/check.ts';
import { type Described, describeGate } from '../../gate/describe.ts';
import { partsOf } from '../../gate/part.ts';
import { suggestionsFor } from '../../gate/suggestions.ts';
import { openRepository } from '../../git/repository.ts';
import { isInImage, testsOf } from '../../journey/check-in-image.ts';
import { factsOfTree } from '../../journey/check-job.ts';
import { checksAmong } from '../../journey/checks-among.ts';

/** What is only read needs no cache of its own. */
export const noApp = 'app_00000000000000000000000000' as AppId;

export type LocalPlan = {
  plan: Pick<Plan, 'detector' | 'why' | 'notes'>;
  checks: readonly Described[];
  figures: readonly Described[];
  suggestions: readonly string[];
};

export async function localPlan(request: {
  objects: string;
  treeInto(objects: string): Promise<TreeId>;
  baseTree: TreeId | null;
  only: readonly string[] | null;
}): Promise<LocalPlan> {
  return withTree(request, async (tree, diff) => {
    const plan = await planAsWritten(tree.view, noApp, []);
    const { gate, yml } = await gateOfTree(tree.view);
    const facts = await factsOfTree(tree, diff, plan);
    const lineOf = (key: readonly string[]) => lineOfKey(yml, key, true);
    const notes = [...plan.notes];
    const whereOf = await placesOf(plan, tree, notes);
    const only = (checks: readonly Check[]) => checksAmong(checks, request.only ?? undefined);
    const described = describeGate(facts, gate, lineOf, only, whereOf);
    const { detector, why } = plan;
    return { plan: { detector, why, notes }, ...described, suggestions: await suggestionsFor(facts, gate, tree.view) };
  });
}

/** Where each check would run; null: the app is no image that is built. @param notes gets what says why one would not run in it */
async function placesOf(plan: Plan, tree: GitTree, notes: string[]): Promise<((plan: CheckPlan) => string) | null> {
  if (!plan.image) return null;
  const { pulled } = plan.image;
  if (pulled) return (asked) => (isInImage(asked, { image: null, pulled }) ? 'the image' : 'the machine');
  const parts = await testedParts(plan, tree.view, partsOf(tree.entries.map(({ path }) => path)), []);
  const image = await imageWork(noApp, tree, { image: plan.image, parts }, [], '');
  notes.push(...image.notes);
  return (asked) => {
    if (!isInImage(asked, { image })) return 'the machine';
    const stage = testsOf(asked, { image })?.stage?.spec.target;
    return stage == null ? 'the image' : `the image, stage ${stage}`;
  };
}

/** Opens a tree in a repository that is gone afterwards. */
export async function withTree<T>(
  request: { objects: string; treeInto(objects: string): Promise<TreeId>; baseTree: TreeId | null },
  /** `open`: another tree of the repository; null: it is not there. */
  look: (tree: GitTree, diff: string | null, open: (id: TreeId) => Promise<GitTree | null>) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'lockstep-plan-'));
  try {
    const { git, path } = await openRepository(join(folder, 'tree.git'), {});
    await writeFile(join(path, 'objects', 'info', 'alternates'), `${request.objects}\n`);
    const id = await request.treeInto(join(path, 'objects'));
    const blobs = new BlobCache();
    const { signal } = new AbortController();
    const read = await openGitTree(git, blobs, id, signal);
    const open = (other: TreeId): Promise<GitTree | null> =>
      openGitTree(git, blobs, other, signal).then(
        (found) => ({ ...found, id: other }),
        () => null, // not of this repository, as far as it was fetched
      );
    const diff = request.baseTree === null ? null : await git.diff(request.baseTree, id);
    return await look({ ...read, id }, diff, open);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
