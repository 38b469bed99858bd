// A document that survives crashes: a line with its checksum, then JSON. Each save keeps the previous one; a load falls
// back to it when the current one is damaged, and says so.
import { createHash } from 'node:crypto';
import { link, readFile, rename, rm } from 'node:fs/promises';
import { atomicWrite } from '../../lib/atomic-write.ts';

export type Loaded<T> = {
  document: T | null;
  from: 'current' | 'previous' | 'none';
  /** What is wrong with the file, for the operator; null when all is well. */
  alarm: string | null;
};

/**
 * Saves `document` durably (0600: it holds config values). Callers save one at a time.
 * @param isCurrentGood true when the caller itself wrote or read the current one whole; else it is read again here
 * @param body the document's JSON on one line, when the caller has it already
 */
export async function saveDocument(
  file: string,
  document: unknown,
  isCurrentGood = false,
  body = JSON.stringify(document),
): Promise<void> {
  // A damaged current document never replaces a good previous one.
  if (isCurrentGood || (await readChecked(file)).kind === 'good') {
    const temporary = `${file}.previous.tmp-${process.pid}`;
    await rm(temporary, { force: true });
    await link(file, temporary);
    await rename(temporary, `${file}.previous`);
    await rm(temporary, { force: true });
  }
  await atomicWrite(file, `sha256:${checksum(body)}\n${body}\n`);
}

/** Loads the newest good document; `parse` throws on what is not one. */
export async function loadDocument<T>(file: string, parse: (value: unknown) => T): Promise<Loaded<T>> {
  const problems: string[] = [];
  for (const [from, path] of [
    ['current', file],
    ['previous', `${file}.previous`],
  ] as const) {
    const read = await readChecked(path);
    if (read.kind === 'absent') {
      if (from === 'previous') continue;
      problems.push(`${path} is missing`);
      continue;
    }
    if (read.kind === 'damaged') {
      problems.push(`${path}: ${read.why}`);
      continue;
    }
    try {
      const document = parse(JSON.parse(read.body));
      return { document, from, alarm: problems.length === 0 ? null : `${problems.join('; ')}; using ${path}` };
    } catch (error) {
      problems.push(`${path}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const isFirstStart = problems.length === 1 && problems[0] === `${file} is missing`;
  return { document: null, from: 'none', alarm: isFirstStart ? null : problems.join('; ') };
}

type Checked = { kind: 'good'; body: string } | { kind: 'absent' } | { kind: 'damaged'; why: string };

async function readChecked(path: string): Promise<Checked> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return code === 'ENOENT' ? { kind: 'absent' } : { kind: 'damaged', why: `cannot be read (${code})` };
  }
  const match = /^sha256:([0-9a-f]{64})\n([^\n]*)\n$/.exec(text);
  if (match === null) return { kind: 'damaged', why: 'is cut short or not a document' };
  return checksum(match[2]!) === match[1]
    ? { kind: 'good', body: match[2]! }
    : { kind: 'damaged', why: 'does not match its checksum' };
}

function checksum(body: string): string {
  return createHash('sha256').update(body).digest('hex');
}
