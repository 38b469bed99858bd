// What every verb gets: the parsed words, the streams, and (only when asked for) the server, its API and the app.
import { fail } from '../domain/errors.ts';
import { type AppName, parseAppName, printable } from '../domain/names.ts';
import type { Arguments } from './arguments.ts';
import type { Io } from './io.ts';
import { makePaint, type Paint } from './present/paint.ts';
import type { Api } from './server/api.ts';
import type { Server } from './server/find-server.ts';
import type { WorkTree } from './work-tree/work-tree.ts';

export type Session = {
  io: Io;
  words: readonly string[];
  has(flag: string): boolean;
  text(option: string): string | undefined;
  /** A whole number from `least` to `most`, or null when the option was not given. @throws bad-request */
  number(option: string, least: number, most: number): number | null;
  isJson: boolean;
  /** Colour for results, when they go to a terminal. */
  paint: Paint;
  /** One line of the result. */
  print(line: string): void;
  /** One line that is not the result. */
  note(line: string): void;
  printJson(value: unknown): void;
  server(): Promise<Server>;
  api(): Promise<Api>;
  /** From `--app`, else from the work tree's remote. @throws bad-request when neither says it */
  app(): Promise<AppName>;
  workTree(): Promise<WorkTree>;
};

/** Opens a session; nothing is read from disk or network before it is asked for. */
export function openSession(io: Io, args: Arguments): Session {
  const text = (option: string) => args.texts.get(option);
  const workTree = once(async () => {
    const { openWorkTree } = await import('./work-tree/work-tree.ts');
    return openWorkTree(io.cwd, io.env);
  });
  const remote = once(async () => {
    const { parseRemote } = await import('./server/address.ts');
    const url = await (await workTree()).remoteUrl();
    return url === null ? null : parseRemote(url);
  });
  const server = once(async () => {
    const { findServer } = await import('./server/find-server.ts');
    return findServer({
      env: io.env,
      home: text('home'),
      remoteOrigin: async () => (await remote())?.origin ?? null,
      isRoot: process.getuid?.() === 0,
    });
  });
  return {
    io,
    words: args.words,
    has: (flag) => args.flags.has(flag),
    text,
    number(option, least, most) {
      const given = text(option);
      if (given === undefined) return null;
      const value = Number(given);
      if (/^\d{1,15}$/.test(given) && value >= least && value <= most) return value;
      throw fail('bad-request', `--${option} "${printable(given)}" is not a whole number`, {
        advice: `Give one from ${least} to ${most}.`,
      });
    },
    isJson: args.flags.has('json'),
    paint: makePaint(io.isOutTty, io.env),
    print: (line) => io.out(`${line}\n`),
    note: (line) => io.err(`${line}\n`),
    printJson: (value) => io.out(`${JSON.stringify(value)}\n`),
    server,
    workTree,
    api: once(async () => {
      const { openApi } = await import('./server/api.ts');
      return openApi(await server());
    }),
    async app() {
      const given = text('app');
      if (given !== undefined) return parseAppName(given);
      const found = await remote();
      if (found === null) {
        throw fail('bad-request', 'which app? This folder has no git remote "lockstep"', {
          advice: 'Name it with -a NAME (see: lockstep apps), or make one here: lockstep create NAME',
        });
      }
      const { serverKey } = await import('./server/address.ts');
      const { url } = await server();
      if (serverKey(found.origin) !== serverKey(url)) {
        throw fail(
          'bad-request',
          `the remote "lockstep" points at ${printable(found.origin)}, but this command speaks to ${url}`,
          {
            advice: `Point it here (lockstep remote -a ${printable(found.app)}), name the app with -a, or log in there (lockstep login ${printable(found.origin)})`,
          },
        );
      }
      return parseAppName(found.app);
    },
  };
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null;
  return () => {
    made ??= make();
    return made;
  };
}
