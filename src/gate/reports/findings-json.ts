// The report that our own runners write: `{ count, findings: [{ file, line, rule, message }], tools, notes, failed }`. They run beside
// code that nobody has read, so it is read like any other report: what is not of this form is null, and nothing is thrown.
import { findingLimit } from '../../domain/gate.ts';
import type { Findings } from './text.ts';
import { treePath } from './tree-path.ts';

const findingsBytesLimit = 16 * 1024 * 1024;
const ruleLength = 100;
const messageLength = 2000;
const mostNotes = 60;
const toolLength = 40;

/** Enough for a policy to sort out what is new among them; more are counted. */
export const mostFindings = 20_000;
/** Every finding that the bytes allow: where main's own are told from new ones by all that there are. */
export const everyFinding = Number.POSITIVE_INFINITY;

export type OwnReport = Findings & {
  /** The programs that the runner asked. */
  tools: string[];
  notes: string[];
  /** Why nothing was proved; null: everything was looked at. */
  failed: string | null;
  /** Whatever else of figures the runner says. */
  figures: Record<string, number>;
};

export function parseFindingsJson(source: string, limit = findingLimit): OwnReport | null {
  if (source.length > findingsBytesLimit) return null;
  let document: unknown;
  try {
    document = JSON.parse(source);
  } catch {
    return null;
  }
  if (!isObject(document) || !Array.isArray(document.findings) || !isCount(document.count)) return null;
  const report: OwnReport = { findings: [], count: 0, tools: [], notes: [], failed: null, figures: {} };
  for (const one of document.findings) {
    if (!isObject(one)) return null;
    report.count += 1;
    if (report.findings.length >= limit) continue;
    report.findings.push({
      file: typeof one.file === 'string' ? treePath(one.file) : null,
      line: isCount(one.line) && one.line > 0 ? one.line : null,
      rule: text(one.rule, ruleLength) || 'unnamed',
      message: text(one.message, messageLength),
    });
  }
  report.count = Math.max(report.count, document.count);
  if (Array.isArray(document.notes))
    report.notes = document.notes.slice(0, mostNotes).map((note) => text(note, messageLength));
  const tools = Array.isArray(document.tools) ? document.tools : [document.tool];
  report.tools = tools.filter((one) => typeof one === 'string').map((one) => one.slice(0, toolLength));
  if (typeof document.failed === 'string') report.failed = text(document.failed, messageLength) || 'it failed';
  for (const [name, value] of Object.entries(document)) if (isCount(value)) report.figures[name] = value;
  return report;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
const text = (value: unknown, limit: number): string => (typeof value === 'string' ? value.slice(0, limit) : '');
