// The same app as people deploy it today: a bare repository with a post-receive hook, a virtualenv, gunicorn on one of two ports,
// and nginx in front of it, which is told to read its configuration again.
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Stage, until } from '../../test/support/stage.ts';
import { freePort } from '../journey/ports.ts';
import { pathOf } from '../support/programs.ts';

export type Site = {
  port: number;
  /** Pushes the work tree's main; resolves when git has ended. */
  push(work: string): Promise<void>;
  close(): Promise<void>;
};

/** `venv`: a virtualenv with what the app needs, and pip. */
export async function openSite(stage: Stage, venv: string): Promise<Site> {
  const site = join(stage.folder, 'site');
  const repository = join(site, 'site.git');
  mkdirSync(join(site, 'releases'), { recursive: true });
  await stage.git(stage.folder, 'init', '-q', '--bare', '-b', 'main', repository);
  cpSync(join(import.meta.dirname, 'post-receive'), join(repository, 'hooks', 'post-receive'));
  const [blue, green, port] = [await freePort(), await freePort(), await freePort()];
  writeFileSync(join(site, 'upstream.conf'), `server 127.0.0.1:${blue};`);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  writeFileSync(
    join(site, 'nginx.conf'),
    `daemon off; worker_processes 1; pid ${site}/nginx.pid; error_log ${site}/nginx.log;
events { worker_connections 1024; }
http {
  access_log off;
  ${temporary.map((name) => `${name}_temp_path ${site}/${name};`).join(' ')}
  upstream app { include ${site}/upstream.conf; }
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://app; proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $remote_addr; }
  }
}
`,
  );
  const nginx = spawn(pathOf('nginx')!, ['-p', site, '-c', join(site, 'nginx.conf')], { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => nginx.once('exit', () => resolve()));
  await until(
    () => existsSync(join(site, 'nginx.pid')),
    10_000,
    () => 'nginx did not start',
  );
  const env = { SITE: site, VENV: venv, BLUE: String(blue), GREEN: String(green) };
  return {
    port,
    async push(work) {
      const pushed = await stage.run(['git', 'push', '-q', repository, 'main'], { cwd: work, env });
      if (pushed.code !== 0) throw new Error(`the script failed: ${pushed.stderr}`);
    },
    async close() {
      for (const one of [blue, green]) {
        const file = join(site, `${one}.pid`);
        if (!existsSync(file)) continue;
        process.kill(Number(readFileSync(file, 'utf8')), 'SIGTERM');
        await until(
          () => !existsSync(file),
          40_000,
          () => 'gunicorn of the script did not stop',
        );
      }
      nginx.kill('SIGTERM');
      await ended;
    },
  };
}
