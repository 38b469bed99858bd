// The tools of the gate by hand, on the bench's app: one after the other, and all at once with the start of the app beside them, as the
// gate does it. Packages and tools are those of Lockstep, version for version, on the same interpreter; mypy keeps a cache, as it
// does there. docstrings has no tool by hand: it is part of style in the gate.
import { globSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ask, now } from '../../scripts/demo/ask.ts';
import type { Stage } from '../../test/support/stage.ts';
import { openHand } from '../journey/hand.ts';
import { freePort } from '../journey/ports.ts';
import type { Edit } from './subject.ts';

export const tools = ['style', 'types', 'tests', 'docs'] as const;
export type Tool = (typeof tools)[number];
/** Milliseconds. `wholeMs`: until the last of them has ended. */
export type Hand = { each: Record<Tool | 'start', number>; wholeMs: number };
export type Hands = {
  inTurn(work: string, edit: Edit): Promise<Hand>;
  atOnce(work: string, edit: Edit): Promise<Hand>;
};

export async function openHands(stage: Stage): Promise<Hands> {
  const { venv } = await openHand(stage);
  const python = join(venv, 'bin', 'python');
  const own = ['mypy', 'pdoc'].map((name) => versionOf(stage.home, name));
  const uv = globSync(join(stage.home, 'toolchains', 'uv-*', 'bin', 'uv'))[0]!;
  const install = [uv, 'pip', 'install', '-q', '--compile-bytecode', '--python', python, ...own];
  const fetched = await stage.run(install, { env: { UV_CACHE_DIR: join(stage.folder, 'uv-cache') } });
  if (fetched.code !== 0) throw new Error(`the tools by hand: ${fetched.stderr}`);
  const data = {
    LOCKSTEP_VOLUME_DATA: join(stage.folder, 'hand-data'),
    COVERAGE_FILE: join(stage.folder, 'hand-coverage'),
  };

  const run = async (work: string, ...words: string[]): Promise<void> => {
    const { code, stdout, stderr } = await stage.run([python, '-m', ...words], { cwd: work, env: data });
    if (code !== 0) throw new Error(`by hand ${words[0]} failed: ${stdout}${stderr}`);
  };
  const does: Record<Tool, (work: string, edit: Edit) => Promise<void>> = {
    async style(work, { file }) {
      for (const tool of ['pycodestyle', 'pyflakes']) await run(work, tool, file);
    },
    types: (work) => run(work, 'mypy', '--no-sqlite-cache', '--cache-dir', join(stage.folder, 'hand-mypy')),
    async tests(work) {
      await run(work, 'coverage', 'run', '-m', 'pytest', '-q', '-p', 'no:cacheprovider');
      await run(work, 'coverage', 'lcov', '-q', '-o', join(stage.folder, 'hand.lcov'));
    },
    docs: (work) =>
      run(work, 'pdoc', '--no-show-source', '-o', join(stage.folder, 'hand-pages'), 'guestbook', './wsgi.py'),
  };
  const start = async (work: string, { path, seen }: Edit): Promise<void> => {
    const port = await freePort();
    const gunicorn = [join(venv, 'bin', 'gunicorn'), 'wsgi:app', '--bind', `127.0.0.1:${port}`];
    const { child, ended } = stage.spawn(gunicorn, { cwd: work, env: data });
    try {
      await untilSeen({ port, host: 'hand.localhost', path }, seen);
    } finally {
      child.kill('SIGTERM');
      await ended;
    }
  };

  const timed = async (each: Hand['each'], name: Tool | 'start', work: () => Promise<void>): Promise<void> => {
    const begunAt = now();
    await work();
    each[name] = now() - begunAt;
  };
  const jobs = (each: Hand['each'], work: string, edit: Edit) => [
    ...tools.map((name) => () => timed(each, name, () => does[name](work, edit))),
    () => timed(each, 'start', () => start(work, edit)),
  ];
  const none = (): Hand['each'] => ({ style: 0, types: 0, tests: 0, docs: 0, start: 0 });
  return {
    async inTurn(work, edit) {
      const [each, begunAt] = [none(), now()];
      for (const job of jobs(each, work, edit)) await job();
      return { each, wholeMs: now() - begunAt };
    },
    async atOnce(work, edit) {
      const [each, begunAt] = [none(), now()];
      await Promise.all(jobs(each, work, edit).map((job) => job()));
      return { each, wholeMs: now() - begunAt };
    },
  };
}

/** Asks every 5 ms. @returns when the answer's first byte arrived, in milliseconds since the epoch */
export async function untilSeen(
  address: { port: number; host: string; path: string },
  text: string,
  limitMs = 60_000,
): Promise<number> {
  const endsAt = now() + limitMs;
  while (now() < endsAt) {
    const answer = await ask(address).catch(() => null);
    if (answer?.body.includes(text)) return answer.firstByteAt;
    await pause(5);
  }
  throw new Error(`${address.host}${address.path} never showed ${text}`);
}

/** As `name==version`, of a tool that Lockstep has fetched. */
function versionOf(home: string, name: string): string {
  const folders = globSync(`toolchains/${name}-*/**/${name}-*.dist-info`, { cwd: home });
  const [, version] = basename(folders[0] ?? '', '.dist-info').split('-');
  if (version === undefined) throw new Error(`Lockstep has not fetched ${name}`);
  return `${name}==${version}`;
}
