// The links of a static site to itself: every page is looked at, since what one page takes away another may lead to.
import { readFileSync } from 'node:fs';
import { type Check, endedWithout, judgeEnd, toResult } from '../check.ts';
import { mostFindings, parseFindingsJson } from '../reports/findings-json.ts';
import { sitesOf } from './site-pages.ts';

const me = { kind: 'links', name: 'links' } as const;
const runnerFile = new URL('../runners/links.mjs', import.meta.url);
const pagesFile = new URL('../runners/pages.mjs', import.meta.url);

export const siteLinks: Check = {
  ...me,
  language: 'web',
  applies: (facts) => sitesOf(facts).length > 0,
  plan: (facts) => ({
    command: {
      argv: ['{tool:node}', '{job}/links.mjs', '--sites', '{job}/sites.json', '--out', '{reports}/links.json'],
    },
    env: {},
    files: {
      'links.mjs': readFileSync(runnerFile, 'utf8'),
      'pages.mjs': readFileSync(pagesFile, 'utf8'),
      'sites.json': JSON.stringify(sitesOf(facts)),
    },
    reports: ['links.json'],
    tools: ['node'],
    deadlineMs: 120_000,
    layer: 'none',
  }),
  judge(_facts, job) {
    const end = judgeEnd(job);
    if (end) return toResult(me, job, end);
    const report = parseFindingsJson(job.reports['links.json'] ?? '', mostFindings);
    if (!report || job.exitCode !== 0)
      return toResult(me, job, { outcome: 'failed', summary: `the look at the links ${endedWithout(job)}` });
    const { findings, count, notes: warnings, figures } = report;
    const { pages = 0, links = 0 } = figures;
    const summary =
      count === 0
        ? `${links} of ${pages} ${pages === 1 ? 'page' : 'pages'}`
        : `${count} broken ${count === 1 ? 'link' : 'links'}`;
    return toResult(me, job, {
      outcome: count === 0 ? 'passed' : 'failed',
      summary,
      findings,
      findingCount: count,
      metrics: { brokenLinks: count },
      warnings,
    });
  },
};
