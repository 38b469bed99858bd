// The glue script of reference/peers.md, for comparison: a bare repository with a 35-line post-receive hook, gunicorn on
// one of two ports, and a proxy that is told to read its file again. It checks nothing. Pushed to by path (no SSH, no HTTP).
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { now } from '../../scripts/demo/ask.ts';
import { watchFor } from '../../scripts/demo/poller.ts';
import type { Page } from '../../scripts/demo/timeline.ts';
import { type Stage, until } from '../../test/support/stage.ts';
import { freePort } from './ports.ts';

export type Glue = {
  /** From the start of `git push` to the first byte of the page, and to the end of `git push`; milliseconds. */
  push(work: string, page: Page): Promise<{ liveMs: number; returnedMs: number }>;
  close(): Promise<void>;
};

export const standIn = 'a proxy of 30 lines on Node stands in for nginx, which is not installed';

/** `venv`: the packages that the site runs on. */
export async function openGlue(stage: Stage, venv: string): Promise<Glue> {
  const site = join(stage.folder, 'glue');
  const repository = join(site, 'site.git');
  mkdirSync(join(site, 'releases'), { recursive: true });
  await stage.git(stage.folder, 'init', '-q', '--bare', '-b', 'main', repository);
  cpSync(join(import.meta.dirname, 'glue', 'post-receive'), join(repository, 'hooks', 'post-receive'));
  const [blue, green, port] = [await freePort(), await freePort(), await freePort()];
  const env = { SITE: site, VENV: venv, BLUE: String(blue), GREEN: String(green) };
  const proxy = spawn(
    process.execPath,
    [join(import.meta.dirname, 'glue', 'proxy.ts'), String(port), join(site, 'port')],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const ended = new Promise<void>((resolve) => proxy.once('exit', () => resolve()));
  await until(
    () => existsSync(join(site, 'proxy.pid')),
    10_000,
    () => 'the proxy did not start',
  );
  const address = { port, host: 'site.localhost', path: '/' };
  return {
    async push(work, page) {
      const limit = AbortSignal.timeout(60_000);
      const startedAt = now();
      const seen = watchFor(page, address, limit);
      seen.catch(() => {});
      const pushed = await stage.run(['git', 'push', '-q', repository, 'main'], { cwd: work, env });
      const returnedMs = now() - startedAt;
      if (pushed.code !== 0) throw new Error(`the glue script failed: ${pushed.stderr}`);
      return { liveMs: (await seen) - startedAt, returnedMs };
    },
    async close() {
      for (const one of [blue, green]) {
        const file = join(site, `${one}.pid`);
        if (!existsSync(file)) continue;
        process.kill(Number(readFileSync(file, 'utf8')), 'SIGTERM');
        await until(
          () => !existsSync(file),
          10_000,
          () => 'gunicorn of the glue script did not stop',
        );
      }
      proxy.kill();
      await ended;
    },
  };
}
