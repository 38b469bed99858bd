// An image that is a site of one page and two megabytes: busybox alone, from Debian's package, kept between runs. It serves on port 8000
// whatever it is told, as many images do.
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { askEngine } from '../../src/agent/engine/ask.ts';
import type { DeployFiles } from './deploys.ts';
import { smallImage } from './registry.ts';

const cache = join(tmpdir(), `lockstep-test-images-${process.getuid?.() ?? 0}`);
const serves = "trap 'kill $!; exit 0' TERM; /bin/busybox httpd -f -p 8000 -h /www & wait";

/** Its id. `command`: what it does instead of serving. */
export function tinySite(socket: string, page: string, command = serves): Promise<string> {
  const files = { 'bin/busybox': readFileSync(busybox()), 'www/index.html': page };
  return smallImage(socket, files, [`CMD ${JSON.stringify(['/bin/busybox', 'sh', '-c', command])}`, 'EXPOSE 8000']);
}

/**
 * Files of an app whose image is the site in its tree, for `Deploys`; `broken`: one that ends at once. `release`: its release command, a line of
 * the shell, which is a job in the image.
 */
export async function siteInImages(socket: string, release: string | null = null): Promise<DeployFiles> {
  const base = 'lockstep-test-busybox';
  const program = readFileSync(busybox());
  const id = await smallImage(socket, { 'bin/busybox': program, ...(release !== null && { 'bin/sh': program }) });
  await askEngine(socket, `/v1.41/images/${id}/tag?repo=${base}&tag=latest`, { method: 'POST', timeoutMs: 10_000 });
  const dockerfile = (command: readonly string[]) =>
    `FROM ${base}\nCOPY *.html *.css /www/\nEXPOSE 8000\nCMD ${JSON.stringify(['/bin/busybox', ...command])}\n`;
  const more = release === null ? {} : { 'lockstep.yml': `release: ${release}\n` };
  return {
    more: () => ({ Dockerfile: dockerfile(['httpd', '-f', '-p', '8000', '-h', '/www']), ...more }),
    broken: { Dockerfile: dockerfile(['false']) },
  };
}

export function busybox(): string {
  const file = join(cache, 'busybox');
  if (existsSync(file)) return file;
  mkdirSync(cache, { recursive: true, mode: 0o700 });
  const folder = mkdtempSync(join(cache, '.busybox-'));
  try {
    // Its files go where apt stands, under a user of its own where it can.
    execFileSync('apt-get', ['-qq', 'download', 'busybox-static'], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'ignore'],
    });
    const [name] = readdirSync(folder);
    const tar = execFileSync('dpkg-deb', ['--fsys-tarfile', join(folder, name!)], { maxBuffer: 2 ** 26 });
    const program = execFileSync('tar', ['-xO', './bin/busybox'], { input: tar, maxBuffer: 2 ** 26 });
    writeFileSync(join(folder, 'program'), program, { mode: 0o755 });
    renameSync(join(folder, 'program'), file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return file;
}
