// A place for the commands' tests: a home, a work tree, an environment of its own, and a way to run a command line in it.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type FakeRoute, type FakeServer, startFakeServer } from './fake-server.ts';
import type { Io } from './io.ts';
import { runCli } from './run-cli.ts';

export type Ran = { code: number; out: string; err: string };

/** A temporary folder with a home whose server is `url` (null: none is running), and a way to run commands in it. */
export function makePlace(url: string | null, secret = 'lst_owner') {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'lockstep-cli-')));
  const home = join(folder, "ho me's");
  const work = join(folder, 'work');
  for (const path of [join(home, 'run'), join(home, 'control'), work]) mkdirSync(path, { recursive: true });
  writeFileSync(join(home, 'control', 'owner.token'), `${secret}\n`, { mode: 0o600 });
  if (url !== null)
    writeFileSync(join(home, 'run', 'up.json'), JSON.stringify({ url, base: 'localhost', pid: 1, home }));
  const env: Record<string, string> = {
    PATH: process.env.PATH ?? '',
    HOME: folder,
    XDG_CONFIG_HOME: join(folder, 'config'),
    LOCKSTEP_HOME: home,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
  };
  return {
    folder,
    home,
    work,
    env,
    /** Runs one command line in this process; `interrupt` is called with the handler of Ctrl-C. */
    async run(argv: readonly string[], more: Partial<RunOptions> = {}): Promise<Ran> {
      const ran: Ran = { code: -1, out: '', err: '' };
      const io: Io = {
        env: more.env ?? env,
        cwd: more.cwd ?? work,
        stdin: Object.assign(Readable.from(more.stdin ? [Buffer.from(more.stdin)] : []), {
          isTTY: more.isTty === true,
        }),
        out: (text) => {
          ran.out += text;
          more.onOut?.(text);
        },
        err: (text) => {
          ran.err += text;
        },
        isOutTty: false,
        isErrTty: false,
        onInterrupt(handler) {
          more.interrupt?.(handler);
          return () => {};
        },
      };
      ran.code = await runCli(argv, io);
      return ran;
    },
    [Symbol.dispose]() {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

type RunOptions = {
  env: Record<string, string>;
  cwd: string;
  stdin: string;
  isTty: boolean;
  interrupt: (handler: () => void) => void;
  onOut: (text: string) => void;
};

export type Place = ReturnType<typeof makePlace>;

/** A test with a server that answers these routes, and a home that knows it. */
export function withServer(
  routes: Record<string, FakeRoute>,
  run: (parts: { place: Place; server: FakeServer }) => Promise<void>,
) {
  return async () => {
    const server = await startFakeServer(routes);
    const place = makePlace(server.url);
    try {
      await run({ place, server });
    } finally {
      await server.close();
      place[Symbol.dispose]();
    }
  };
}

/** Runs git in the work tree and gives what it prints. */
export const git = (place: Place, ...words: string[]) =>
  execFileSync('git', words, {
    cwd: place.work,
    env: place.env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
