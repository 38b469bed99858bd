// Reads the part of SARIF 2.1.0 that every tool fills (ruff here): rule, message, file and line of each result.
// Throws nothing: a document that is not SARIF is null, and the judge decides what that means.
import { findingLimit } from '../../domain/gate.ts';
import type { Findings } from './text.ts';
import { treePath } from './tree-path.ts';

const sarifBytesLimit = 16 * 1024 * 1024;
/** What is kept of a result's words: they are shown to whoever pushes, and stored with the verdict. */
const ruleLength = 100;
const messageLength = 2000;

type Json = { [key: string]: unknown };
const object = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {});
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** @param root the absolute folder that the tool ran in, when it prints absolute paths */
export function parseSarif(source: string, root: string | null = null, limit = findingLimit): Findings | null {
  if (source.length > sarifBytesLimit) return null;
  let document: unknown;
  try {
    document = JSON.parse(source);
  } catch {
    return null;
  }
  if (!Array.isArray(object(document).runs)) return null;
  const found: Findings = { findings: [], count: 0 };
  for (const run of list(object(document).runs)) {
    for (const entry of list(object(run).results)) {
      const result = object(entry);
      const place = object(object(list(result.locations)[0]).physicalLocation);
      const line = object(place.region).startLine;
      found.count += 1;
      if (found.findings.length >= limit) continue;
      found.findings.push({
        file: treePath(decode(text(object(place.artifactLocation).uri)), root),
        line: typeof line === 'number' && Number.isSafeInteger(line) && line > 0 ? line : null,
        rule: text(result.ruleId).slice(0, ruleLength) || 'unnamed',
        message: text(object(result.message).text).slice(0, messageLength),
      });
    }
  }
  return found;
}

function decode(uri: string): string {
  try {
    return decodeURI(uri);
  } catch {
    return uri;
  }
}
