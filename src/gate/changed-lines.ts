// Which lines are new: reads a unified diff without context from main to the candidate (`diff` in git/argv.ts).
// A line that was removed elsewhere in the same diff with exactly this text was moved, and is not new. The text is compared
// whole, with its indentation and trailing blanks, since these are what style is about. Hunks are read by their counts:
// content that looks like a header stays content.

/** file -> the numbers of its new lines, 1-based. A file that only lost lines is there with none. */
export type ChangedLines = ReadonlyMap<string, ReadonlySet<number>>;

export function parseChangedLines(diff: string): ChangedLines {
  const changed = new Map<string, Set<number>>();
  const removed = new Map<string, number>();
  const added: { file: string; line: number; text: string }[] = [];
  let file: string | null = null;
  let toRemove = 0;
  let toAdd = 0;
  let next = 0;
  for (const line of diff.split('\n')) {
    if (toRemove > 0 && line.startsWith('-')) {
      toRemove -= 1;
      const text = normalise(line);
      removed.set(text, (removed.get(text) ?? 0) + 1);
    } else if (toAdd > 0 && line.startsWith('+')) {
      toAdd -= 1;
      if (file !== null) added.push({ file, line: next, text: normalise(line) });
      next += 1;
    } else if (line.startsWith('\\')) {
      // "\ No newline at end of file"
    } else if (line.startsWith('diff --git ')) {
      file = null;
    } else if (line.startsWith('+++ ')) {
      file = newPath(line.slice(4));
      if (file !== null) changed.set(file, changed.get(file) ?? new Set());
    } else {
      const hunk = /^@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/.exec(line);
      if (!hunk) continue;
      toRemove = Number(hunk[1] ?? 1);
      toAdd = Number(hunk[3] ?? 1);
      next = Number(hunk[2]);
    }
  }
  for (const { file: path, line, text } of added) {
    const left = removed.get(text) ?? 0;
    if (left > 0) removed.set(text, left - 1);
    else changed.get(path)?.add(line);
  }
  return changed;
}

/** The files that are not in main, as the heads of their diffs say; empty ones have no head and are left out. */
export function addedFiles(diff: string): ReadonlySet<string> {
  const added = new Set<string>();
  let left = 0;
  let isNew = false;
  for (const line of diff.split('\n')) {
    const hunk = left > 0 ? null : /^@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@/.exec(line);
    if (hunk) left = Number(hunk[1] ?? 1) + Number(hunk[2] ?? 1);
    else if (left > 0) left -= /^[-+]/.test(line) ? 1 : 0;
    else if (line.startsWith('--- ')) isNew = line === '--- /dev/null';
    else if (isNew && line.startsWith('+++ ')) {
      const path = newPath(line.slice(4));
      if (path !== null) added.add(path);
    }
  }
  return added;
}

function normalise(line: string): string {
  return line.slice(1).replace(/\r$/, '');
}

/** `b/a.py`, `b/a b.py<TAB>` or `"b/\303\251.py"`; null for /dev/null. */
function newPath(text: string): string | null {
  const plain = text.startsWith('"') ? unquote(text) : text.replace(/\t$/, '');
  return plain.startsWith('b/') ? plain.slice(2) : null;
}

const escapes: Record<string, number> = { a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13, '"': 34, '\\': 92 };

/** Git's C-style quoting; octal escapes are bytes of UTF-8. */
function unquote(text: string): string {
  const bytes: number[] = [];
  const inner = text.slice(1, text.lastIndexOf('"'));
  for (const match of inner.matchAll(/\\([0-3][0-7]{2})|\\(.)|([^\\]+)/gs)) {
    if (match[1]) bytes.push(Number.parseInt(match[1], 8));
    else if (match[2]) bytes.push(escapes[match[2]] ?? match[2].charCodeAt(0));
    else bytes.push(...Buffer.from(match[3]!, 'utf8'));
  }
  return Buffer.from(bytes).toString('utf8');
}
