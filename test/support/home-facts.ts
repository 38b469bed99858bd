// What a home says of itself, read from outside as an operator with a shell would: the database by SQL, the documents from
// their files, the repositories by git, the machine by /proc. Nothing of `src/` is imported.
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { askEngine } from '../../src/agent/engine/ask.ts';
import { documentIn } from '../../src/lib/list-entries.ts';
import { gitEnv } from './stage.ts';

export type ChangeRow = {
  id: string;
  number: number;
  base: string | null;
  candidate: string | null;
  state: string;
  reason: string | null;
  /** JSON; null: none was kept. */
  verdict: string | null;
  ended_at_ms: number | null;
};
export type ReleaseRow = {
  id: string;
  version: number | null;
  state: string;
  commit_id: string;
  tree_id: string;
  artifact_tree: string | null;
  set_id: string;
};
/** `is_noted`: 1 when it is in the repository's notes, or needs none. */
export type ReceiptRow = { release_id: string; is_noted: number };
export type EventRow = { type: string; change_id: string | null };
export type Main = {
  tip: string | null;
  tree: string | null;
  /** Every move of it, oldest first. */
  moves: { from: string | null; to: string }[];
};
export type AppFacts = {
  id: string;
  name: string;
  changes: ChangeRow[];
  releases: ReleaseRow[];
  events: EventRow[];
  receipts: ReceiptRow[];
  main: Main;
  refs: string[];
  /** Quarantines and locks that a dead git left. */
  gitLeftOvers: string[];
  copies: string[];
};
export type ProcessFacts = { pid: number; command: string; instance: string | null; job: string | null };
/** What of the home's Lockstep is in its container engine, by label. */
export type EngineFacts = {
  containers: {
    id: string;
    appId: string;
    instance: string | null;
    job: string | null;
    isRunning: boolean;
    /** It does nothing but wait. */
    isWaiting?: boolean;
  }[];
  networks: { id: string; appId: string }[];
  images: { id: string; appId: string }[];
};
export type HomeFacts = {
  apps: AppFacts[];
  /** By the agent's document. */
  desired: { id: string; routed: string | null; sets: { id: string; stage: string }[] }[];
  /** By the router's snapshot. */
  routes: { appId: string; setId: string | null; instances: string[] }[];
  /** By the agent's records. */
  instances: { id: string; setId: string; appId: string; state: string; pid: number | null }[];
  pipes: string[];
  /** Programs that wait for their job, by the agent's records; `work`: what the record says of it. */
  waiting: { id: string; appId: string; work: string }[];
  /** null: it has none. */
  engine: EngineFacts | null;
  /** Whoever names the home in its command line, environment or working folder. */
  processes: ProcessFacts[];
};

/** Something is under way, by the database alone: a cheap question before the others. */
export function isBusy(home: string): boolean {
  const database = new DatabaseSync(join(home, 'control', 'lockstep.db'), { readOnly: true });
  try {
    const sql = "SELECT 1 FROM changes WHERE ended_at_ms IS NULL UNION SELECT 1 FROM releases WHERE state = 'starting'";
    return rows(database, sql).length > 0;
  } finally {
    database.close();
  }
}

/** Throws when a file is not there or is being replaced: ask again. */
export function readHome(home: string): HomeFacts {
  // Read at once, and let go: control must not wait for whoever looks at its database.
  const apps = readDatabase(home).map((app) => readApp(home, app));
  const desired = readDocument(join(home, 'agent', 'desired.json'), 'apps');
  const routes = readDocument(join(home, 'router', 'snapshot.json'), 'routes');
  return {
    apps,
    desired: (desired?.apps ?? []) as HomeFacts['desired'],
    routes: ((routes?.routes ?? []) as { appId: string; setId: string; upstreams: { instanceId: string }[] }[]).map(
      ({ appId, setId, upstreams }) => ({ appId, setId, instances: upstreams.map((one) => one.instanceId) }),
    ),
    instances: list(join(home, 'agent', 'instances')).flatMap((name) => {
      // One that has gone since the folder was read is gone.
      const text = name.endsWith('.json') ? textOf(join(home, 'agent', 'instances', name)) : '';
      return text === '' ? [] : [JSON.parse(text).view];
    }),
    pipes: list(join(home, 'agent', 'pipes')),
    waiting: list(join(home, 'agent', 'jobs')).flatMap((name) => {
      const text = textOf(join(home, 'agent', 'jobs', name, 'record.json'));
      const { id, isAhead, uses, reports, collect } = text === '' ? {} : JSON.parse(text);
      return isAhead ? [{ id, appId: uses.appId, work: JSON.stringify([reports, collect]) }] : [];
    }),
    engine: null,
    processes: processesOf(home),
  };
}

/** Asks again, as often as it takes within reason: for who looks while others are at work. */
export function readHomeSurely(home: string, tries = 50): HomeFacts {
  for (; ; tries -= 1) {
    try {
      return readHome(home);
    } catch (error) {
      if (tries <= 1) throw error;
    }
  }
}

/** @throws what the socket says when no engine answers */
export async function readEngine(home: string, socket: string): Promise<EngineFacts> {
  const node = textOf(join(home, 'agent', 'node-id')).trim();
  const filters = encodeURIComponent(JSON.stringify({ label: [`io.lockstep.node=${node}`] }));
  type Listed = { Id: string; State?: string; Command?: string; Labels: Record<string, string> };
  const list = async (path: string): Promise<Listed[]> =>
    JSON.parse((await askEngine(socket, `/v1.41/${path}filters=${filters}`, { timeoutMs: 10_000 })).body);
  const owned = ({ Id, Labels }: Listed) => ({ id: Id.slice(0, 19), appId: Labels['io.lockstep.app'] ?? '' });
  return {
    containers: (await list('containers/json?all=1&')).map((one) => ({
      ...owned(one),
      instance: one.Labels['io.lockstep.instance'] ?? null,
      job: one.Labels['io.lockstep.job'] ?? null,
      isRunning: one.State === 'running',
      isWaiting: /exec sleep 86400/.test(one.Command ?? ''),
    })),
    networks: (await list('networks?')).map(owned),
    images: (await list('images/json?')).map(owned),
  };
}

type AppRows = Pick<AppFacts, 'id' | 'name' | 'changes' | 'releases' | 'events' | 'receipts'> & {
  branch: string | null;
};

function readDatabase(home: string): AppRows[] {
  const database = new DatabaseSync(join(home, 'control', 'lockstep.db'), { readOnly: true });
  try {
    database.exec('PRAGMA busy_timeout=5000; BEGIN');
    const apps = rows<{ id: string; name: string; main_branch: string | null }>(database, 'SELECT * FROM apps');
    return apps.map(({ id, name, main_branch: branch }) => ({
      id,
      name,
      branch,
      changes: rows(database, 'SELECT * FROM changes WHERE app_id = ? ORDER BY number', id),
      releases: rows(
        database,
        `SELECT r.*, a.tree_id AS artifact_tree FROM releases r
         LEFT JOIN artifacts a ON a.app_id = r.app_id AND a.digest = r.artifact_digest WHERE r.app_id = ? ORDER BY r.version`,
        id,
      ),
      receipts: rows(database, 'SELECT release_id, is_noted FROM receipts WHERE app_id = ?', id),
      events: rows(database, 'SELECT type, change_id FROM events WHERE app_id = ? ORDER BY seq', id),
    }));
  } finally {
    database.close();
  }
}

function readApp(home: string, { branch, ...app }: AppRows): AppFacts {
  const { id } = app;
  const repository = join(home, 'control', 'repos', `${id}.git`);
  const refs = refsOf(repository);
  const main = refs.find(({ ref }) => ref === `refs/heads/${branch}`);
  const log = join(repository, 'logs', 'refs', 'heads', branch ?? '-');
  const moves = (existsSync(log) ? readFileSync(log, 'utf8') : '')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(' ') as [string, string])
    .map(([from, to]) => ({ from: /^0+$/.test(from) ? null : from, to }));
  return {
    ...app,
    main: { tip: main?.id ?? null, tree: main?.tree ?? null, moves },
    refs: refs.map(({ ref }) => ref),
    gitLeftOvers: globSync(['**/*.lock', 'objects/tmp_objdir-*', 'objects/incoming-*'], { cwd: repository }),
    copies: list(join(home, 'apps', id, 'gate', 'copies')),
  };
}

function refsOf(repository: string): { id: string; tree: string; ref: string }[] {
  if (!existsSync(repository)) return [];
  const words = [`--git-dir=${repository}`, '-c', 'safe.directory=*', 'for-each-ref'];
  return execFileSync('git', [...words, '--format=%(objectname) %(tree) %(refname)'], {
    env: { ...process.env, ...gitEnv },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(' '))
    .map(([id, tree, ref]) => ({ id: id!, tree: tree!, ref: ref! }));
}

function rows<T>(database: DatabaseSync, sql: string, ...values: string[]): T[] {
  return database.prepare(sql).all(...values) as T[];
}

/** A document with its checksum in the first line; null when there is none yet. */
function readDocument(file: string, key: string): Record<string, unknown> | null {
  if (!existsSync(file)) return null;
  const document = documentIn(readFileSync(file, 'utf8'), key);
  if (document === null) throw new Error(`${file} is being written`);
  return document as Record<string, unknown>;
}

function processesOf(home: string): ProcessFacts[] {
  return list('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      const [stat, command, environ] = ['stat', 'cmdline', 'environ'].map((file) => textOf(`/proc/${name}/${file}`));
      const isDead = /\) [ZX]/.test(stat!) || stat === '';
      // A test and its programs name the home, too; what Lockstep starts has it in its environment or works in it.
      if (isDead || !`${command}\0${environ}`.includes(`${home}/`)) {
        if (isDead || !environ!.split('\0').includes(`LOCKSTEP_HOME=${home}`)) return [];
      }
      const envOf = (key: string) => new RegExp(`(?:^|\0)${key}=([^\0]*)`).exec(environ!)?.[1] ?? null;
      return {
        pid: Number(name),
        command: command!.replaceAll('\0', ' ').trim(),
        instance: envOf('LOCKSTEP_INSTANCE'),
        job: envOf('LOCKSTEP_JOB'),
      };
    });
}

function list(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return ''; // it has ended
  }
}
