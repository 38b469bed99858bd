// A git that a dead control has started may live longer than it: from the moment on that the next control has opened the
// repository it cannot move main any more.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { BranchName } from '../domain/names.ts';
import { run } from '../exec/exec.ts';
import { branchRef, emptyTree } from './argv.ts';
import { openRepository } from './repository.ts';

test('A4, D7: a git of an earlier control is refused once the next one has opened the repository', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-fence-'));
  const path = join(folder, 'a.git');
  const main = branchRef('main' as BranchName);
  // The earlier control: it opens the repository, makes a commit, and moves main when it is told to.
  const script = `import { openRepository } from ${JSON.stringify(join(import.meta.dirname, 'repository.ts'))};
const { git, privileged } = await openRepository(${JSON.stringify(path)}, { mainBranch: 'main' });
const who = { name: 'l', email: 'l@l', atSeconds: 1 };
const commit = (message) => git.commitTree({ tree: '${emptyTree}', parents: [], message, author: who, committer: who });
const [one, two] = [await commit('1'), await commit('2')];
await privileged.updateRef('${main}', one, null, 'first');
console.log(one);
process.stdin.once('data', () =>
  privileged.updateRef('${main}', two, one, 'late').then((moved) => console.log('moved ' + moved), (error) => console.log(error.code)));`;
  try {
    await run(['git', 'init', '-q', '--bare', '-b', 'main', path], { env: {}, okCodes: [0] });
    await run(['git', `--git-dir=${path}`, 'mktree'], { env: {}, input: '', okCodes: [0] });
    const earlier = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const [first] = (await once(earlier.stdout, 'data')) as [Buffer];
    const one = first.toString().trim();
    const now = await openRepository(path, { mainBranch: 'main' as BranchName });
    assert.equal(await now.privileged.resolveRef(main), one);
    earlier.stdin.write('go\n');
    const [said] = (await once(earlier.stdout, 'data')) as [Buffer];
    assert.equal(said.toString().trim(), 'git-failed');
    assert.equal(await now.privileged.resolveRef(main), one);
    earlier.kill();
  } finally {
    rmSync(folder, { recursive: true });
  }
});
