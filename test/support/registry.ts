// A registry of a test's own: Debian's docker-registry on the loopback, whose addresses an engine asks without TLS. Its notifications go where
// the test says. What it holds, and the process, end with it.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { askEngine } from '../../src/agent/engine/ask.ts';
import { type TarEntry, tarStream } from '../../src/build/context/tar.ts';

const startMs = 20_000;
/** `correct horse` as bcrypt has it: the registry knows no other form. */
const passwordHash = '$2b$04$Huw5oyBTwp/SpdsVw7JyW.pUCHHwBhlskAAzOv6yKaGSMTVHa5U76';
export const account = { username: 'ann', password: 'correct horse' };

export type RegistryOptions = {
  /** Only for `account`. */
  isPrivate?: boolean;
  /** Left out: one that is free. */
  port?: number;
  /** Where its notifications go. */
  notify?: { url: string; headers?: Readonly<Record<string, readonly string[]>> };
};

export class TestRegistry implements AsyncDisposable {
  /** As images name it. */
  readonly host: string;
  readonly #folder: string;
  readonly #program: ChildProcess;

  private constructor(host: string, folder: string, program: ChildProcess) {
    this.host = host;
    this.#folder = folder;
    this.#program = program;
  }

  static async start(options: RegistryOptions = {}): Promise<TestRegistry> {
    const folder = mkdtempSync(join(tmpdir(), 'lockstep-registry-'));
    const host = `127.0.0.1:${options.port ?? (await freePort())}`;
    mkdirSync(join(folder, 'data'));
    writeFileSync(join(folder, 'htpasswd'), `${account.username}:${passwordHash}\n`);
    const log = join(folder, 'log');
    writeFileSync(join(folder, 'config.yml'), configOf(host, folder, options));
    const program = spawn('sh', ['-c', 'exec docker-registry serve "$0" >"$1" 2>&1', join(folder, 'config.yml'), log], {
      stdio: 'ignore',
    });
    const registry = new TestRegistry(host, folder, program);
    for (const end = performance.now() + startMs; ; await sleep(20)) {
      const answer = await fetch(`http://${host}/v2/`).catch(() => null);
      if (answer !== null) return registry;
      if (program.exitCode === null && performance.now() < end) continue;
      const said = readFileSync(log, 'utf8').slice(-2000);
      await registry[Symbol.asyncDispose]();
      throw new Error(`the registry did not start:\n${said}`);
    }
  }

  /** Pushes an image that the engine has, with docker's own client; its digest there. */
  async push(socket: string, image: string, name: string): Promise<string> {
    const to = `${this.host}/${name}`;
    const config = join(this.#folder, 'client');
    mkdirSync(config, { recursive: true });
    const auth = Buffer.from(`${account.username}:${account.password}`).toString('base64');
    writeFileSync(join(config, 'config.json'), JSON.stringify({ auths: { [this.host]: { auth } } }));
    const docker = async (...words: string[]): Promise<string> =>
      (await promisify(execFile)('docker', ['--config', config, '--host', `unix://${socket}`, ...words])).stdout;
    await docker('tag', image, to);
    const said = await docker('push', to);
    await docker('rmi', to);
    const digest = /digest: (sha256:[0-9a-f]{64})/.exec(said)?.[1];
    if (digest === undefined) throw new Error(`no digest in what docker push said: ${said}`);
    return digest;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#program.once('exit', resolve));
    if (this.#program.exitCode === null && this.#program.kill('SIGKILL')) await ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function configOf(host: string, folder: string, { isPrivate = false, notify }: RegistryOptions): string {
  const config = {
    version: 0.1,
    log: { level: 'warn', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder, 'data') }, delete: { enabled: true } },
    http: { addr: host },
    ...(isPrivate ? { auth: { htpasswd: { realm: 'test', path: join(folder, 'htpasswd') } } } : {}),
    ...(notify
      ? {
          notifications: {
            endpoints: [{ name: 'test', timeout: '5s', threshold: 3, backoff: '1s', ...notify }],
          },
        }
      : {}),
  };
  // YAML has JSON in it.
  return JSON.stringify(config);
}

/** An image of one small layer with these files; its id. `changes` as a Dockerfile has them (`EXPOSE 80`). */
export async function smallImage(
  socket: string,
  files: Readonly<Record<string, string | Buffer>>,
  changes: readonly string[] = [],
): Promise<string> {
  const entries = async function* (): AsyncGenerator<TarEntry> {
    for (const [path, text] of Object.entries(files)) {
      const content = typeof text === 'string' ? Buffer.from(text) : text;
      yield { path: Buffer.from(path), kind: 'program', size: content.length, content };
    }
  };
  const query = new URLSearchParams([['fromSrc', '-'], ...changes.map((one): [string, string] => ['changes', one])]);
  const answer = await askEngine(socket, `/v1.41/images/create?${query}`, {
    ...{ method: 'POST', timeoutMs: 30_000, body: Readable.from(tarStream(entries()), { objectMode: false }) },
  });
  const id = /sha256:[0-9a-f]{64}/.exec(answer.body)?.[0];
  if (id === undefined) throw new Error(`no image was imported: ${answer.body}`);
  return id;
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
