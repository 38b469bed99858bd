// Documentation of a Python app: Sphinx where a conf.py is, MkDocs where mkdocs.yml is, else API pages by pdoc for an app
// with docstrings. Warnings are findings with their file and line, whatever the tool's exit code says. The pages are left in
// the folder `site` of the job's reports, which is collected as `docs`. API pages that are made from what main's are made from are
// not built again.
import { type Check, endedWithout, type GateFacts, judgeEnd, lacksReport, toResult } from '../check.ts';
import { everyFinding, parseFindingsJson } from '../reports/findings-json.ts';
import { madeFromOf, madeFromReport } from '../reports/made-from.ts';
import { startAhead } from './python-ahead.ts';
import { isPython } from './python-config.ts';
import { runnerFiles } from './runner-files.ts';

const me = { kind: 'docs', name: 'docs' } as const;
/** The part of run_docs.py that builds with it, and what that stands on. */
const partOf = {
  sphinx: ['docs_sphinx.py'],
  mkdocs: ['docs_mkdocs.py', 'docs_worker.js'],
  pdoc: ['docs_pdoc.py', 'pages_memo.py', 'import_time.py'],
} as const;

/**
 * What API pages are not made of: tests, and what a browser gets. The runner looks whether this is so (pages_memo.py): pages of an
 * app that reads one of these when it is imported are built each time.
 */
const leftOut = [
  '(?:^|/)(?:tests?|testing)/',
  '(?:^|/)(?:test_[^/]*|[^/]*_test|tests|conftest)\\.py$',
  '^\\.',
  '\\.(?:html?|jinja2?|j2|css|scss|less|m?js|ts|map|svg|png|jpe?g|gif|ico|webp|avif|woff2?|ttf|mp[34]|webm|pdf)$',
];

export const pythonDocs: Check = {
  ...me,
  language: 'python',
  applies: (facts) => facts.paths.some(isPython),
  plan(facts) {
    const { tool, source } = docsTool(facts);
    const argv = ['{python}', '{job}/run_docs.py', '--how', tool, '--source', source, '--reports', '{reports}'];
    const isApi = tool === 'pdoc';
    const memo = isApi ? ['--memo', '{job}/pages_memo.py', '--made-from', `{job}/${madeFromReport}`] : [];
    const { ahead, aheadFiles } = isApi ? startAhead(facts) : {};
    return {
      command: { argv: [...argv, '--path', `{tool:${tool}}`, ...memo] },
      ...ahead,
      tools: [tool],
      reports: ['docs.json', ...(isApi ? [madeFromReport, lacksReport] : [])],
      collect: { docs: 'site' },
      files: {
        ...runnerFiles('run_docs.py', 'docs_told.py', ...partOf[tool]),
        ...aheadFiles,
      },
      env: { PYTHONDONTWRITEBYTECODE: '1', PYTHONHASHSEED: '0', ...facts.testEnv },
      // Nobody asked for API pages: an app that does not come back from its imports is not waited for long.
      deadlineMs: isApi ? 60_000 : 600_000,
      layer: 'gate',
      inImage: 'sources',
      // Most are taken over from main, and there is nothing to start.
      ...(isApi ? { isUnasked: true, isServerFirst: true, reused: { leftOut } } : {}),
    };
  },
  judge(facts, job) {
    const { tool } = docsTool(facts);
    const isAsked = tool !== 'pdoc';
    const end = judgeEnd(job);
    if (end && (isAsked || end.outcome !== 'failed')) return toResult(me, job, end);
    const found = end ? null : parseFindingsJson(job.reports['docs.json'] ?? '', everyFinding);
    if (!found || job.exitCode !== 0) {
      const summary = end?.summary ?? `${tool} ${endedWithout(job)}`;
      if (isAsked) return toResult(me, job, { outcome: 'failed', summary, metrics: { broken: 1 } });
      const warnings = [`no API pages: ${summary}${lastLine(job.outputTail)}`];
      return toResult(me, job, { outcome: 'passed', summary: 'no API pages', warnings, metrics: { docsPages: 0 } });
    }
    const { pages, notes } = more(job.reports['docs.json']!);
    const metrics = { docsPages: pages, docsWarnings: found.count };
    const warnings = notes;
    if (found.count > 0) {
      const summary = `${found.count} ${found.count === 1 ? 'warning' : 'warnings'} (${tool})`;
      const { findings } = found;
      return toResult(me, job, { outcome: 'failed', summary, findings, findingCount: found.count, metrics, warnings });
    }
    const said = madeFromOf(job);
    const words = [
      `${pages} ${pages === 1 ? 'page' : 'pages'} (${tool})`,
      ...(said?.isBuilt === false ? ['as on main'] : []),
    ];
    const summary = pages === 0 ? 'nothing to document' : words.join(', ');
    const result = toResult(me, job, { outcome: 'passed', summary, metrics, warnings });
    return said?.digest ? { ...result, madeFrom: said.digest } : result;
  },
};

const confFolders = ['docs', 'doc', 'docs/source', 'doc/source'];

/** What builds the documentation, and from where. */
export function docsTool(facts: GateFacts): { tool: 'sphinx' | 'mkdocs' | 'pdoc'; source: string } {
  const folder = confFolders.find((one) => facts.paths.includes(`${one}/conf.py`));
  if (folder) return { tool: 'sphinx', source: folder };
  const config = ['mkdocs.yml', 'mkdocs.yaml'].find((one) => facts.paths.includes(one));
  return config ? { tool: 'mkdocs', source: config } : { tool: 'pdoc', source: '.' };
}

function lastLine(tail: readonly string[]): string {
  const line = tail.at(-1)?.trim();
  return line ? `: ${line}` : '';
}

function more(source: string): { pages: number; notes: string[] } {
  const { pages, notes } = JSON.parse(source) as { pages?: unknown; notes?: unknown };
  return {
    pages: typeof pages === 'number' && Number.isSafeInteger(pages) && pages > 0 ? pages : 0,
    notes: Array.isArray(notes) ? notes.slice(0, 20).map((one) => String(one).slice(0, 500)) : [],
  };
}
