// A repository's objects on their way out of it and into another: as one pack, streamed. What comes in is checked object by
// object, as a push is.
import { fail } from '../domain/errors.ts';
import type { ObjectId } from '../domain/ids.ts';
import { run, type StreamingChild, spawnStreaming } from '../exec/exec.ts';
import type { RefName } from './argv.ts';
import { gitEnvironment } from './environment.ts';

const limitMs = 60 * 60_000;

/** The same leniency that a push gets (repository.ts): old histories have such objects. */
const lenient = 'badTimezone=warn,missingSpaceBeforeDate=warn,zeroPaddedFilemode=warn';

/** Everything that can be reached from these objects. @throws git-failed */
export async function* packOf(repositoryPath: string, ids: readonly ObjectId[]): AsyncGenerator<Buffer> {
  const child = start(repositoryPath, ['pack-objects', '--revs', '--stdout', '--delta-base-offset', '-q']);
  try {
    child.stdin.end(ids.map((id) => `${id}\n`).join(''));
    const end = endOf(child, 'pack-objects');
    // Whoever takes the last piece may still be busy with it when git has failed.
    end.catch(() => {});
    yield* child.stdout as AsyncIterable<Buffer>;
    await end;
  } finally {
    child.kill();
  }
}

/** Takes a pack into the repository. @throws git-failed when it is damaged, or holds what no push may bring */
export async function takePack(repositoryPath: string, pack: AsyncIterable<Uint8Array>): Promise<void> {
  const child = start(repositoryPath, ['index-pack', '--stdin', `--strict=${lenient}`]);
  try {
    child.stdout.resume();
    const end = endOf(child, 'index-pack');
    end.catch(() => {});
    for await (const piece of pack) {
      if (child.stdin.write(piece)) continue;
      // When git has ended it reads no more, and says why in `end`.
      await Promise.race([new Promise((resolve) => child.stdin.once('drain', resolve)), end]);
    }
    child.stdin.end();
    await end;
  } finally {
    child.kill();
  }
}

/** Makes these refs, all or none; none of them may be there. @throws git-failed */
export async function makeRefs(
  repositoryPath: string,
  env: Readonly<Record<string, string>>,
  refs: ReadonlyMap<RefName, ObjectId>,
): Promise<void> {
  const input = [...refs].map(([ref, id]) => `create ${ref}\0${id}\0`).join('');
  const made = await run(['git', `--git-dir=${repositoryPath}`, 'update-ref', '--stdin', '-z'], {
    ...{ env, input, cwd: repositoryPath, timeoutMs: limitMs },
  });
  if (made.code !== 0) throw fail('git-failed', `git update-ref: ${made.stderr.trim().slice(0, 500)}`);
}

/** null when every object that a ref needs is there and whole, else git's word. */
export async function damageOf(repositoryPath: string): Promise<string | null> {
  const words = ['fsck', '--full', '--no-dangling', '--no-progress'];
  const looked = await run(['git', `--git-dir=${repositoryPath}`, ...words], {
    ...{ env: gitEnvironment(), cwd: repositoryPath, timeoutMs: limitMs },
  });
  return looked.code === 0 ? null : (looked.stderr || looked.stdout).trim().slice(0, 500) || 'git fsck failed';
}

function start(repositoryPath: string, words: readonly string[]): StreamingChild {
  return spawnStreaming(['git', `--git-dir=${repositoryPath}`, ...words], {
    cwd: repositoryPath,
    env: gitEnvironment(),
  });
}

/** Resolves when it has ended well. @throws git-failed */
async function endOf(child: StreamingChild, name: string): Promise<void> {
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString('utf8')).slice(-4000);
  });
  const limit = setTimeout(() => child.kill(), limitMs);
  try {
    const { code } = await child.ended;
    if (code !== 0) throw fail('git-failed', `git ${name}: ${said.trim().slice(0, 500) || 'it was ended'}`);
  } finally {
    clearTimeout(limit);
  }
}
