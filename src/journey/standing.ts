// What a candidate is held to: the gate that its own files describe, unless they take something from main's. Main's files
// are read only when the change touches them.

import type { GitTree } from '../build/git-tree.ts';
import { openGitTree } from '../build/git-tree.ts';
import { gateOfTree } from '../build/plan.ts';
import { lineOfKey } from '../config/readers/key-line.ts';
import { isFailure } from '../domain/errors.ts';
import type { CheckResult } from '../domain/gate.ts';
import { type BuiltInCheck, defaultGate, type GateSettings } from '../domain/gate-settings.ts';
import type { TreeId } from '../domain/ids.ts';
import { type WeakenAsked, type Weakening, weakeningResult, weakeningsOf } from '../gate/policy/weakening.ts';
import type { Git } from '../git/git.ts';
import { nowMs, type World } from './world.ts';

export type Standing = {
  candidate: GateSettings;
  main: GateSettings;
  /** The check `policy`; null when nothing is weaker than on main. */
  weakening: CheckResult | null;
};

type Asked = {
  git: Git;
  tree: Pick<GitTree, 'view'>;
  /** null: an app's first push; nothing stands yet. */
  baseTree: TreeId | null;
  diff: string | null;
  weaken: WeakenAsked;
  /** What was live may be again, with the gate that it had. */
  isRollback: boolean;
  signal: AbortSignal;
};

export async function standingOf(blobs: World['blobs'], asked: Asked): Promise<Standing> {
  const own = await readGate(asked.tree);
  // Files that cannot be read are said by whoever plans the build.
  const candidate = own?.gate ?? defaultGate;
  const { baseTree, diff } = asked;
  if (baseTree === null || diff === null || !touchesGate(diff)) return { candidate, main: candidate, weakening: null };
  const main = (await readGate(await openGitTree(asked.git, blobs, baseTree, asked.signal)))?.gate ?? defaultGate;
  const weaker = own === null || asked.isRollback ? [] : weakeningsOf(main, candidate);
  const place = ({ key }: Weakening) =>
    isOfAppJson(candidate, key)
      ? { file: 'app.json', line: null }
      : { file: 'lockstep.yml', line: lineOfKey(own?.yml ?? '', key) };
  return { candidate, main, weakening: weakeningResult(weaker, asked.weaken, place, nowMs()) };
}

/** The command in question was not said in lockstep.yml. */
function isOfAppJson({ builtIn }: GateSettings, [, section, name]: readonly string[]): boolean {
  const said = section === 'checks' ? builtIn[name as BuiltInCheck] : undefined;
  return typeof said === 'object' && said.from.startsWith('app.json');
}

/** Files that say what main is held to. */
const gateFiles = ['lockstep.yml', 'app.json'];

/** A text that only looks like it costs one more look. */
function touchesGate(diff: string): boolean {
  return gateFiles.some((file) => diff.includes(` a/${file} `) || diff.includes(` b/${file}\n`));
}

async function readGate({ view }: Pick<GitTree, 'view'>): Promise<{ gate: GateSettings; yml: string } | null> {
  try {
    return await gateOfTree(view);
  } catch (error) {
    if (isFailure(error, 'bad-config')) return null;
    throw error;
  }
}
