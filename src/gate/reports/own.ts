// Reads the findings that our own runners write: {"count", "findings": [{"file", "line", "rule", "message"}]}. They run beside
// an app's code and under its identity, so nothing of it is believed but its form.
import type { Finding } from '../../domain/gate.ts';
import type { Findings } from './text.ts';
import { treePath } from './tree-path.ts';

const bytesLimit = 16 * 1024 * 1024;
const ruleLength = 100;
const messageLength = 2000;

/** null when it is anything else. */
export function parseOwnFindings(source: string): Findings | null {
  if (source.length > bytesLimit) return null;
  try {
    const document = JSON.parse(source) as { count?: unknown; findings?: unknown };
    const { count } = document;
    if (!Array.isArray(document.findings) || typeof count !== 'number' || !Number.isSafeInteger(count)) return null;
    const findings = document.findings.map(
      (one: Record<string, unknown>): Finding => ({
        file: typeof one.file === 'string' ? treePath(one.file) : null,
        line: typeof one.line === 'number' && Number.isSafeInteger(one.line) && one.line > 0 ? one.line : null,
        rule: String(one.rule).slice(0, ruleLength) || 'unnamed',
        message: String(one.message).slice(0, messageLength),
      }),
    );
    return { findings, count: Math.max(count, findings.length) };
  } catch {
    return null;
  }
}
