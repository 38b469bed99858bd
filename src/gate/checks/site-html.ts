// Style of a static site: html-validate, with the project's own configuration where it has one (`.htmlvalidate.json`), else what
// the HTML standard says. Only pages that changed are looked at; which of their lines count is the policy's business.
import { readFileSync } from 'node:fs';
import { type Check, endedWithout, judgeEnd, toResult } from '../check.ts';
import { parseFindingsJson } from '../reports/findings-json.ts';
import { sitesOf } from './site-pages.ts';

const me = { kind: 'style', name: 'html' } as const;
const runnerFile = new URL('../runners/html.mjs', import.meta.url);
const pagesFile = new URL('../runners/pages.mjs', import.meta.url);
/** All are kept here: those on unchanged lines must not crowd out the others. */
const limit = 20_000;

export const siteHtml: Check = {
  ...me,
  language: 'web',
  applies: (facts) => sitesOf(facts).length > 0,
  plan(facts) {
    const sites = sitesOf(facts);
    const files = sites
      .flatMap(({ pages }) => pages)
      .filter((path) => facts.changed === null || (facts.changed.get(path)?.size ?? 0) > 0);
    if (files.length === 0) return null;
    const argv = ['{tool:node}', '{job}/html.mjs', '--tool', '{tool:html-validate}', '--files', '{job}/files.json'];
    argv.push('--out', '{reports}/html.json', ...(sites.some(({ isServed }) => isServed) ? ['--served'] : []));
    return {
      command: { argv },
      env: {},
      files: {
        'html.mjs': readFileSync(runnerFile, 'utf8'),
        'pages.mjs': readFileSync(pagesFile, 'utf8'),
        'files.json': JSON.stringify(files),
      },
      reports: ['html.json'],
      tools: ['node', 'html-validate'],
      deadlineMs: 120_000,
      layer: 'none',
    };
  },
  judge(_facts, job) {
    const end = judgeEnd(job);
    if (end) return toResult(me, job, end);
    const report = parseFindingsJson(job.reports['html.json'] ?? '', limit);
    if (!report || job.exitCode !== 0)
      return toResult(me, job, { outcome: 'failed', summary: `html-validate ${endedWithout(job)}` });
    const { findings, count, notes: warnings, failed } = report;
    if (failed !== null) return toResult(me, job, { outcome: 'failed', summary: failed, warnings });
    const summary = count === 0 ? 'no findings' : `${count} ${count === 1 ? 'finding' : 'findings'}`;
    return toResult(me, job, {
      outcome: count === 0 ? 'passed' : 'failed',
      summary: `${summary} (html-validate)`,
      findings,
      findingCount: count,
      metrics: { styleFindings: count },
      warnings,
    });
  },
};
