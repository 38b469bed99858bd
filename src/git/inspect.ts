// What of a repository is not as `openRepository` leaves it: hooks, configuration, permit, HEAD. Looks only.
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { BranchName } from '../domain/names.ts';
import { branchRef } from './argv.ts';
import { hookNames, hookText, permitFile, repositoryConfig } from './repository.ts';

/** In words; empty when all is as it should be. */
export async function unguarded(
  path: string,
  options: { maxInputBytes?: number; mainBranch: BranchName | null },
): Promise<string[]> {
  const said: string[] = [];
  for (const name of hookNames) {
    const file = join(path, 'hooks', name);
    if ((await textOf(file)) !== (await hookText(name))) said.push(`the hook ${name} is not ours`);
    else if (((await stat(file)).mode & 0o111) === 0) said.push(`the hook ${name} cannot be run`);
  }
  if ((await textOf(join(path, 'config'))) !== repositoryConfig(options.maxInputBytes))
    said.push('its configuration was changed');
  if (!/^[0-9a-f]{64}$/.test((await textOf(join(path, permitFile)))?.trim() ?? '')) said.push('its permit is gone');
  const head = options.mainBranch === null ? null : `ref: ${branchRef(options.mainBranch)}`;
  if (head !== null && (await textOf(join(path, 'HEAD')))?.trim() !== head)
    said.push(`HEAD does not name ${options.mainBranch}`);
  return said;
}

async function textOf(file: string): Promise<string | null> {
  return readFile(file, 'utf8').catch(() => null);
}
