// `up --detach`: starts `up` again in the background, and waits until that serves.
import { spawn } from 'node:child_process';
import { fstatSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config/config.ts';
import { fail } from '../domain/errors.ts';
import { tailOf } from './log-tail.ts';
import { startLimitMs } from './neighbour-not-started.ts';
import type { UpArguments } from './up-arguments.ts';

/** Starts itself again in the background and waits until that serves. */
export async function detach(config: Config, argv: UpArguments): Promise<number> {
  mkdirSync(join(config.home, 'logs'), { recursive: true });
  const logFile = join(config.home, 'logs', 'agent.log');
  const log = openSync(logFile, 'a', 0o600);
  const bytesBefore = fstatSync(log).size;
  const words = [
    'up',
    '--json',
    '--home',
    config.home,
    '--port',
    String(config.port),
    '--base',
    config.base,
    ...(argv.isPublic ? ['--public'] : []),
  ];
  const child = spawn(process.execPath, [process.argv[1]!, ...words], {
    stdio: ['ignore', log, log],
    detached: true,
    cwd: '/',
  });
  const ended = new Promise<number>((resolve) => child.once('exit', (code) => resolve(code ?? 1)));
  let exit: number | null = null;
  void ended.then((code) => {
    exit = code;
  });
  const file = join(config.home, 'run', 'up.json');
  for (const limit = performance.now() + startLimitMs; performance.now() < limit; await sleep(10)) {
    if (exit !== null) break;
    const record = readJson(file);
    if (record?.pid !== child.pid) continue;
    child.unref();
    process.stdout.write(
      argv.isJson
        ? `${JSON.stringify({ event: 'ready', ...record })}\n`
        : `Lockstep serves at ${record?.url} (pid ${child.pid})\n`,
    );
    return 0;
  }
  if (exit !== null) {
    // It has said why itself, and its exit code says it too.
    const said = readFileSync(logFile).subarray(bytesBefore).toString('utf8').split('\n');
    process.stderr.write(`${said.filter((line) => line !== '' && !line.startsWith('{')).join('\n')}\n`);
    return exit === 0 ? 70 : exit;
  }
  child.kill();
  throw fail('timed-out', `it did not serve within ${startLimitMs / 1000} s: ${tailOf(logFile).at(-1) ?? ''}`, {
    advice: `See ${logFile}.`,
  });
}

function readJson(file: string): { pid?: number; url?: string } | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as { pid?: number; url?: string };
  } catch {
    return null;
  }
}
