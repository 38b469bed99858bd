// What the checks of a change reported, kept as files once it has ended: the verdict with all its findings, the tools' own
// reports, and the coverage with the sources that it is about. In the background and beside the verdict: when it cannot be
// kept, nothing else is harmed.
import { openGitTree } from '../build/git-tree.ts';
import type { App } from '../domain/app.ts';
import type { Change } from '../domain/change.ts';
import type { CollectedFile } from '../domain/collected.ts';
import { fail } from '../domain/errors.ts';
import type { CheckResult, Verdict } from '../domain/gate.ts';
import type { ReportItem } from '../domain/quality.ts';
import { parseLcov } from '../gate/reports/lcov.ts';
import type { Repository } from '../git/repository.ts';
import { answerFile, type FileAnswer, foreignHeaders } from '../published/answer-file.ts';
import { coverageFile, coverageIndex, type LineHits, pageOf } from '../published/coverage-html.ts';
import { isPlainPath, type Pack } from '../published/pack.ts';
import { slug } from '../published/sites.ts';
import { isThere } from '../store/apps.ts';
import { inTransaction } from '../store/in-transaction.ts';
import { findReports, keepReportRow, type ReportFolder } from '../store/reports.ts';
import { nowMs, type World } from './world.ts';

/** What one job of the gate brought back. */
export type JobReports = {
  /** `tests`, and of a part of its own `tests (services/api)`. */
  check: string;
  reports: Readonly<Record<string, string>>;
};

const mostSources = 300;
const sourceBytes = 512 * 1024;
const allSourcesBytes = 8 * 1024 ** 2;
const limits = { files: 2000, totalBytes: 32 * 1024 ** 2, pathBytes: 1024 };

/** Keeps them; what goes wrong is logged. */
export async function keepReports(
  world: World,
  app: App,
  change: Change,
  repository: Repository,
  verdict: Verdict | null,
  jobs: readonly JobReports[],
): Promise<void> {
  if (verdict === null || jobs.length === 0) return;
  try {
    const coverage = coverageOf(jobs);
    const files = filesOf(world, change, repository, verdict, jobs, coverage);
    const { digest, bytes } = await world.shelf.put(app.id, files, limits);
    if (!isThere(world.database, app.id)) return await world.shelf.forget(app.id);
    const folders = foldersOf(verdict.checks);
    inTransaction(world.database, () =>
      keepReportRow(
        world.database,
        { ...change, changeId: change.id },
        { digest, bytes, folders, keptAtMs: Math.round(nowMs()) },
      ),
    );
  } catch (error) {
    world.log({ level: 'warn', message: `reports of ${change.id} are not kept: ${(error as Error).message}` });
  }
}

function foldersOf(checks: readonly CheckResult[]): ReportFolder[] {
  return checks.flatMap(({ name, kept }) =>
    Object.entries(kept ?? {}).map(([folder, one]) => ({ check: slug(name), name: folder, ...one })),
  );
}

function coverageOf(jobs: readonly JobReports[]): Map<string, Map<number, number>> {
  const all = new Map<string, Map<number, number>>();
  for (const { check, reports } of jobs)
    for (const [name, text] of Object.entries(reports)) {
      const found = /lcov/.test(name) ? parseLcov(text) : null;
      for (const [file, lines] of found?.files ?? []) {
        const path = `${rootOf(check)}${file}`;
        const sum = all.get(path) ?? new Map<number, number>();
        for (const [line, hits] of lines) sum.set(line, (sum.get(line) ?? 0) + hits);
        if (isPlainPath(path)) all.set(path, sum);
      }
    }
  return all;
}

function rootOf(check: string): string {
  const part = / \((.*)\)$/.exec(check)?.[1];
  return part ? `${part}/` : '';
}

async function* filesOf(
  world: World,
  change: Change,
  repository: Repository,
  verdict: Verdict,
  jobs: readonly JobReports[],
  coverage: LineHits,
): AsyncGenerator<CollectedFile> {
  const names = new Set<string>();
  const file = (path: string, content: Buffer): CollectedFile => ({
    path,
    size: content.length,
    content: (async function* () {
      yield content;
    })(),
  });
  yield file('findings.json', Buffer.from(`${JSON.stringify({ change: change.id, ...verdict }, null, 1)}\n`));
  for (const { check, reports } of jobs)
    for (const [name, text] of Object.entries(reports)) {
      const path = `${slug(check)}/${slug(name)}`;
      if (names.has(path)) continue;
      names.add(path);
      yield file(path, Buffer.from(text));
    }
  if (coverage.size === 0) return;
  const lines = [...coverage].map(([path, hits]) => [path, [...hits]] as const);
  yield file('coverage.json', Buffer.from(JSON.stringify(lines)));
  const tree = await openGitTree(repository.git, world.blobs, change.tree!, world.signal);
  let [count, bytes] = [0, 0];
  for (const path of coverage.keys()) {
    const source = await tree.view.read(path, sourceBytes).catch(() => null);
    if (!source || count >= mostSources || bytes + source.length > allSourcesBytes) continue;
    count += 1;
    bytes += source.length;
    yield file(`sources/${path}`, source);
  }
}

// ---- reading them ------------------------------------------------------------------------------------------------

const mostListed = 2000;

/** null: nothing is kept of this change (any more). */
export async function listReports(world: World, app: App, change: Change['id']): Promise<ReportItem[] | null> {
  const row = findReports(world.database, app.id, change);
  const pack = row && (await world.shelf.hold(app.id, row.digest));
  if (!row || !pack) return null;
  try {
    const own = [...pack.files].filter(([path]) => !isInner(path)).map(([path, { size }]) => ({ path, bytes: size }));
    const folders = row.folders.map((one) => ({ path: `${one.check}/${one.name}/`, bytes: one.bytes }));
    const made = pack.files.has('coverage.json') ? [{ path: 'coverage/index.html', bytes: null }] : [];
    return [...own, ...made, ...folders].slice(0, mostListed);
  } finally {
    pack.letGo();
  }
}

/** What pages are made of; shown as pages only. */
const isInner = (path: string): boolean => path === 'coverage.json' || path.startsWith('sources/');

/** The answer to a GET of one of them, with the pack that its bytes are read from: to be let go. null: it is not there. */
export async function openReport(
  world: World,
  app: App,
  change: Change['id'],
  path: string,
): Promise<{ answer: FileAnswer; pack: Pack } | null> {
  const row = findReports(world.database, app.id, change);
  if (!row) return null;
  const folder = row.folders.find(
    (one) => path === `${one.check}/${one.name}` || path.startsWith(`${one.check}/${one.name}/`),
  );
  const pack = await world.shelf.hold(app.id, folder?.digest ?? row.digest);
  if (pack === null) return null;
  try {
    const answer = folder
      ? answerFile(pack.files, plainGet(path.slice(`${folder.check}/${folder.name}/`.length)), reportHeaders(path))
      : ((await coveragePage(pack, path)) ??
        (isInner(path) ? null : answerFile(pack.files, plainGet(path), reportHeaders(path))));
    if (answer === null) pack.letGo();
    return answer && { answer, pack };
  } catch (error) {
    pack.letGo();
    throw error;
  }
}

const plainGet = (path: string) => ({ method: 'GET', path, ifNoneMatch: null, range: null, ifRange: null });

/** Pages and pictures are shown, in a sandbox without scripts; everything else is a file to be saved. */
function reportHeaders(path: string): Record<string, string> {
  const isShown = /(?:\/|\.(?:html?|css|png|svg|gif|jpe?g|txt|json|info|xml))$/i.test(path);
  return { ...foreignHeaders({ scripts: false }), ...(isShown ? {} : { 'content-disposition': 'attachment' }) };
}

async function coveragePage(pack: Pack, path: string): Promise<FileAnswer | null> {
  if (!path.startsWith('coverage/') && path !== 'coverage') return null;
  const text = await pack.text('coverage.json');
  if (text === null) return null;
  const files = new Map(
    (JSON.parse(text) as [string, [number, number][]][]).map(([file, hits]) => [file, new Map(hits)]),
  );
  const wanted = path.slice('coverage/'.length);
  const file = [...files.keys()].find((one) => pageOf(one) === wanted);
  const isIndex = wanted === '' || wanted === 'index.html';
  if (!isIndex && file === undefined) return null;
  const html = isIndex
    ? coverageIndex('Coverage', files)
    : coverageFile(file!, files.get(file!)!, await pack.text(`sources/${file}`));
  const headers = { ...foreignHeaders({ scripts: false }), 'content-type': 'text/html; charset=utf-8' };
  return { status: 200, headers, body: { text: html } };
}

export function noReports(): never {
  throw fail('not-found', 'no reports of this change are kept', {
    advice: 'They go with time; git push -o recheck makes the checks run again.',
  });
}
