// Reads pyright's `--outputjson`: errors with file (absolute), line (from 0) and rule. Warnings are the app's own choice
// not to be stopped, and do not count. That it looked at no file at all is no report: it ends with 0 then.
import { findingLimit } from '../../domain/gate.ts';
import type { Findings } from './text.ts';
import { treePath } from './tree-path.ts';

const bytesLimit = 16 * 1024 * 1024;
const ruleLength = 100;
const messageLength = 2000;

type Json = { [key: string]: unknown };
const object = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {});

/** @param root the folder that it ran in; null when the text is no such report */
export function parsePyright(source: string, root: string, limit = findingLimit): Findings | null {
  if (source.length > bytesLimit) return null;
  let document: unknown;
  try {
    document = JSON.parse(source);
  } catch {
    return null;
  }
  const { generalDiagnostics, summary } = object(document);
  if (!Array.isArray(generalDiagnostics) || object(summary).filesAnalyzed === 0) return null;
  const found: Findings = { findings: [], count: 0 };
  for (const entry of generalDiagnostics) {
    const { file, severity, message, rule, range } = object(entry);
    if (severity !== 'error') continue;
    found.count += 1;
    if (found.findings.length >= limit) continue;
    const line = object(object(range).start).line;
    found.findings.push({
      file: treePath(String(file), root),
      line: typeof line === 'number' && Number.isSafeInteger(line) && line >= 0 ? line + 1 : null,
      rule: (typeof rule === 'string' && rule !== '' ? rule : 'error').slice(0, ruleLength),
      message: String(message).slice(0, messageLength),
    });
  }
  return found;
}
