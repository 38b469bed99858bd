// A program of Go's that nobody has as a file: Go's own client fetches its module, held against a pinned sum, and builds it with
// the module's own go.mod and go.sum, which pin all that it stands on. What was fetched and compiled is gone afterwards. It is
// minutes of a small machine's time, once, and at a low priority: who is served goes first.
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '../../domain/errors.ts';
import { run } from '../../exec/exec.ts';
import { ownEnv } from './install-env.ts';
import type { GoProgram } from './pins.ts';

const fetchMs = 600_000;
const buildMs = 1_800_000;

/** The sum says what it is made of: characters that no path has are left out. */
export const goProgramFolder = (name: string, { version, sum }: GoProgram): string =>
  `${name}-${version.replace(/^v/, '')}-${sum.replaceAll(/[^A-Za-z0-9]/g, '').slice(2, 14)}`;

/** @throws internal (it is not what is pinned), ExecError */
export async function makeGoProgram(
  name: string,
  { module, version, sum, package: main }: GoProgram,
  at: string,
  making: { log(message: string): void; go(): Promise<string> },
): Promise<void> {
  making.log(`building ${name} ${version}, once: this takes minutes`);
  const go = await making.go();
  const work = join(at, 'work');
  await mkdir(work);
  try {
    const env = {
      ...ownEnv(),
      GOPATH: join(work, 'path'),
      GOMODCACHE: join(work, 'mod'),
      GOCACHE: join(work, 'cache'),
      GOENV: 'off',
      // What was fetched can be removed.
      GOFLAGS: '-modcacherw -trimpath -buildvcs=false',
      GOTELEMETRY: 'off',
      GOTOOLCHAIN: 'auto',
      GOWORK: 'off',
      CGO_ENABLED: '0',
      HOME: work,
    };
    const fetched = await run([go, 'mod', 'download', '-json', `${module}@${version}`], {
      ...{ env, cwd: work, timeoutMs: fetchMs, okCodes: [0] },
    });
    const { Dir: folder, Sum: found } = JSON.parse(fetched.stdout) as { Dir: string; Sum: string };
    if (found !== sum) throw fail('internal', `The module ${module} ${version} is not the one that is pinned.`);
    const argv = [
      'nice',
      '-n',
      '15',
      go,
      'build',
      '-mod=readonly',
      '-ldflags=-s -w',
      '-o',
      join(at, 'bin', name),
      main,
    ];
    await run(argv, { env, cwd: folder, timeoutMs: buildMs, okCodes: [0] });
  } finally {
    await rm(work, { recursive: true, force: true, maxRetries: 3 });
  }
}
