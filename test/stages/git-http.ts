// A repository behind smart HTTP on a port of its own, and a work tree beside it: what the tests of receiving stand on.
// The judge lands what is pushed to main, and stores other branches, until a test puts another in its place.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../src/exec/exec.ts';
import type { RefName } from '../../src/git/argv.ts';
import { openRepository } from '../../src/git/repository.ts';
import { localMainline } from '../../src/mainline/local.ts';
import { encodePkt, flushPkt } from '../../src/receive/pkt-line.ts';
import type { Judge, Push, RefVerdict } from '../../src/receive/proc-receive.ts';
import { parseGitRoute } from '../../src/receive/routes.ts';
import { type ServeOptions, type ServeResult, serveGit } from '../../src/receive/smart-http.ts';

export const main = 'refs/heads/main' as RefName;
export const clientEnv = {
  PATH: process.env.PATH!,
  HOME: '/nonexistent',
  LC_ALL: 'C',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
  GIT_AUTHOR_NAME: 'a',
  GIT_AUTHOR_EMAIL: 'a@b',
  GIT_COMMITTER_NAME: 'a',
  GIT_COMMITTER_EMAIL: 'a@b',
};

export async function stageGitHttp(maxInputBytes?: number, maxBodyBytes?: number, more: Partial<ServeOptions> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'lockstep-http-'));
  const repository = await openRepository(join(folder, 'app.git'), maxInputBytes ? { maxInputBytes } : {});
  const mainline = localMainline(repository.privileged);
  const land: Judge = async ({ commands, say }) => {
    say('checking\nlive');
    const verdicts = new Map<string, RefVerdict>();
    for (const { ref, from, to } of commands) {
      const stores = () =>
        repository.git.updateRefs([{ ref: ref as RefName, from, to }], 'push').then((isDone) => isDone && 'advanced');
      const done =
        (ref === main ? to && (await mainline.advance(await mainline.tip(), to)) : await stores()) === 'advanced';
      verdicts.set(ref, done ? { isAccepted: true } : { isAccepted: false, reason: 'no' });
    }
    return verdicts;
  };
  const state = {
    judge: land,
    pushes: [] as Push[],
    served: [] as Promise<ServeResult>[],
    protocols: new Set<unknown>(),
  };
  const server = createServer((request, response) => {
    const route = parseGitRoute(request.method!, request.url!);
    if (!route) return void response.writeHead(404).end();
    const onProcReceive: Judge = (push) => {
      state.pushes.push(push);
      return state.judge(push);
    };
    const served = serveGit(request, response, {
      ...route,
      repositoryPath: repository.path,
      onProcReceive,
      ...(maxBodyBytes ? { maxBodyBytes } : {}),
      ...more,
    });
    served.catch(() => {});
    state.served.push(served);
    state.protocols.add(request.headers['git-protocol']);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/app.git`;
  const work = join(folder, 'work');
  const git = (...words: string[]) => run(['git', '-C', work, ...words], { env: clientEnv, timeoutMs: 20_000 });
  await run(['git', 'init', '-q', '-b', 'main', work], { env: clientEnv, okCodes: [0] });
  await git('remote', 'add', 'origin', url);
  const commit = async (content: string | Buffer) => {
    await writeFile(join(work, 'file'), content);
    await git('add', '.');
    await git('commit', '-qm', 'change');
    return (await git('rev-parse', 'HEAD')).stdout.trim();
  };
  /** What git would send to make `branch` at HEAD: the command, then the pack. */
  const pushBody = async (branch: string) => {
    const id = (await git('rev-parse', 'HEAD')).stdout.trim();
    const packed = await run(['git', '-C', work, 'pack-objects', '--stdout', '--revs', '-q'], {
      env: clientEnv,
      input: `${id}\n`,
      maxBytes: 64 * 2 ** 20,
    });
    const command = encodePkt(`${'0'.repeat(40)} ${id} refs/heads/${branch}\0report-status`);
    return Buffer.concat([command, flushPkt, packed.stdoutBytes]);
  };
  const isStored = async (branch: string) =>
    (await repository.git.listRefs('refs/heads/')).has(`refs/heads/${branch}` as RefName);
  return {
    pushBody,
    isStored,
    folder,
    url,
    work,
    git,
    commit,
    state,
    repository,
    mainline,
    land,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true, force: true });
    },
  };
}
