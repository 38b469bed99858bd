// A git server that steps of a build reach, at the engine's own address, and an image with git in it that can clone from there: this machine's git
// with the libraries that it needs, and busybox.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { askEngine } from '../../src/agent/engine/ask.ts';
import { freePort, smallImage } from './registry.ts';
import { type Stage, until } from './stage.ts';
import { busybox } from './tiny-site.ts';

const tag = 'lockstep-test-git';

/** Its tag. `wget`, `httpd` and the rest of busybox are in it too. */
export async function gitImage(socket: string): Promise<string> {
  const git = '/usr/bin/git';
  const said = execFileSync('ldd', [git], { encoding: 'utf8' });
  const libraries = [...said.matchAll(/(?:=> |^\s*)(\/\S+) \(/gm)].map(([, path]) => path!);
  const shell = readFileSync(busybox());
  const files = {
    ...{ 'bin/busybox': shell, 'bin/sh': shell },
    ...Object.fromEntries([git, ...libraries].map((path) => [path.slice(1), readFileSync(path)])),
  };
  const id = await smallImage(socket, files, ['ENV PATH=/usr/bin:/bin']);
  await askEngine(socket, `/v1.41/images/${id}/tag?repo=${tag}&tag=latest`, { method: 'POST', timeoutMs: 10_000 });
  return tag;
}

type Bridge = { IPAM: { Config: { Subnet: string; Gateway?: string }[] } };

/** Serves what is below `folder`, bare, until the stage ends; `git://HOST:PORT`. */
export async function gitServer(stage: Stage, socket: string, folder: string): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const { body } = await askEngine(socket, '/v1.41/networks/bridge', { timeoutMs: 10_000 });
  const { Subnet, Gateway } = (JSON.parse(body) as Bridge).IPAM.Config[0]!;
  // An engine that nobody has used yet does not name it.
  const host = Gateway ?? Subnet.replace(/\.0\/\d+$/, '.1');
  const port = await freePort();
  // The program itself: `git daemon` would be another process, which outlives the one that started it.
  const program = join(execFileSync('git', ['--exec-path'], { encoding: 'utf8' }).trim(), 'git-daemon');
  const words = ['--reuseaddr', '--export-all', `--base-path=${folder}`, `--listen=${host}`, `--port=${port}`];
  const { ended } = stage.spawn([program, ...words]);
  let end: string | null = null;
  void ended.then(({ stderr }) => {
    end = stderr;
  });
  const answers = () =>
    new Promise<boolean>((resolve) => {
      const dialled = connect({ host, port });
      dialled.once('connect', () => resolve(true));
      dialled.once('error', () => resolve(false));
      dialled.once('close', () => resolve(false));
      dialled.once('connect', () => dialled.destroy());
    });
  await until(
    async () => end !== null || (await answers()),
    20_000,
    () => 'the git server does not answer',
  );
  if (end !== null) throw new Error(`the git server ended: ${end}`);
  return `git://${host}:${port}`;
}
