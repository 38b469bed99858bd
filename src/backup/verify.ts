// Tries a restore: onto a throw-away home beside the backup, then everything that can be asked without starting anything. Nothing
// of it stays. What it finds wrong with an app is told by the app; what cannot be restored at all throws.
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { removeTree } from '../agent/remove-tree.ts';
import { branchRef } from '../git/argv.ts';
import { openGit } from '../git/git.ts';
import { damageOf } from '../git/pack.ts';
import { verifyReceipt } from '../proof/receipt-text.ts';
import { signerOf } from '../proof/signing-key.ts';
import { databaseFile, keptFile, repositoryFolder } from './kept.ts';
import { imagesWithoutFiles } from './registry-files.ts';
import { type Restored, restoreBackup } from './restore.ts';
import { type KeptApp, lastReceipt } from './snapshot.ts';

export type AppFound = {
  name: string;
  /** 12 of v12; null: nothing was live. */
  live: number | null;
  releases: number;
  /** Why it would not come back as it was, one sentence each. */
  problems: readonly string[];
};

export type Verified = {
  program: string;
  madeAtMs: number;
  files: number;
  bytes: number;
  apps: readonly AppFound[];
  problems: readonly string[];
  /** Of the restore alone, and with all questions. */
  restoreMs: number;
  totalMs: number;
};

/** @throws what `restoreBackup` throws */
export async function verifyBackup(file: string, passphrase: string | null): Promise<Verified> {
  const startedAt = performance.now();
  const home = await mkdtemp(join(dirname(file), '.lockstep-verify-'));
  try {
    const restored = await restoreBackup({ home, file, passphrase, isRoot: false, control: null });
    const restoreMs = performance.now() - startedAt;
    const apps: AppFound[] = [];
    for (const app of restored.apps) {
      const { name, live, releases } = app;
      apps.push({ name, live: live?.version ?? null, releases, problems: await problemsOf(home, app) });
    }
    const { program, madeAtMs, files, bytes } = restored;
    const problems = installationProblems(home, restored);
    return {
      ...{ program, madeAtMs, files, bytes, apps, problems, restoreMs },
      totalMs: performance.now() - startedAt,
    };
  } finally {
    await removeTree(home);
  }
}

async function problemsOf(home: string, app: KeptApp): Promise<string[]> {
  const path = repositoryFolder(home, app.id);
  if (!existsSync(path)) return [];
  const damage = await damageOf(path);
  if (damage !== null) return [`its repository is damaged: ${damage}`];
  if (app.mainBranch === null || app.live === null) return [];
  const git = openGit({ repositoryPath: path });
  const main = await git.resolveRef(branchRef(app.mainBranch));
  if (main === null) return ['it was live, and main is not there'];
  if (main !== app.live.commit && !app.passed.includes(main))
    return [`main is ${main.slice(0, 7)}, and ${app.live.commit.slice(0, 7)} was live`];
  const tree = await git.treeOf(app.live.commit);
  return tree === app.live.tree ? [] : ['the tree that was live is not that of its commit'];
}

function installationProblems(home: string, { apps }: Restored): string[] {
  const problems = imagesWithoutFiles(home).map((image) => `of ${image} the registry has no file`);
  if (!existsSync(keptFile(home, 'owner.token')))
    problems.push('the owner’s token is not in it: the next start makes another');
  if (!existsSync(keptFile(home, 'receipt.key')))
    problems.push('the signing key is not in it: the next start makes another');
  else {
    try {
      const signer = signerOf(readFileSync(keptFile(home, 'receipt.key'), 'utf8'));
      const last = apps.length > 0 ? lastReceipt(databaseFile(home)) : null;
      if (last !== null) verifyReceipt(Buffer.from(last), signer.pem);
    } catch (error) {
      problems.push(`the signing key is not the one that signed: ${(error as Error).message}`);
    }
  }
  return problems;
}
