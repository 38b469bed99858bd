// What a tool that was run by hand said, in the figures that the gate counts too. It reads what people read: the last lines of a
// runner. Pure.

export type Figures = {
  /** Tests that ran, without those left out; null: nobody counted. */
  run: number | null;
  failed: number | null;
  skipped: number | null;
  findings: number | null;
  /** Percent of the executable lines that were measured. */
  covered: number | null;
};

export const nothing: Figures = { run: null, failed: null, skipped: null, findings: null, covered: null };

const number = (text: string, pattern: RegExp): number | null => {
  const found = [...text.matchAll(pattern)].at(-1)?.[1];
  return found === undefined ? null : Number(found);
};

/** pytest, unittest, mocha, jest, tap, vitest, node --test or `go test -v`. */
export function testFigures(said: string): Figures {
  const text = said.replaceAll(/\u001b\[[0-9;]*m/g, '');
  return { ...nothing, ...(goTests(text) ?? pytest(text) ?? others(text)), covered: coverage(text) };
}

type Counted = Pick<Figures, 'run' | 'failed' | 'skipped'>;

function pytest(text: string): Counted | null {
  // "5 failed, 36 passed, 1 skipped, 2 errors in 0.23s"
  const line = [...text.matchAll(/^=*\s*((?:\d+ [a-z]+,? )+)in [\d.]+s/gm)].at(-1)?.[1];
  if (line === undefined) return null;
  const of = (word: RegExp) => number(line, word) ?? 0;
  const failed = of(/(\d+) failed/g) + of(/(\d+) errors?/g) + of(/(\d+) xpassed/g) * 0;
  const passed = of(/(\d+) passed/g) + of(/(\d+) xpassed/g);
  return { run: passed + failed, failed, skipped: of(/(\d+) skipped/g) + of(/(\d+) xfailed/g) };
}

function goTests(text: string): Counted | null {
  const ended = [...text.matchAll(/^\s*--- (PASS|FAIL|SKIP): /gm)].map((match) => match[1]);
  if (ended.length === 0) return null;
  const of = (what: string) => ended.filter((one) => one === what).length;
  return { run: of('PASS') + of('FAIL'), failed: of('FAIL'), skipped: of('SKIP') };
}

function others(text: string): Counted {
  const passed =
    number(text, /^\s*(\d+) passing\b/gm) ??
    number(text, /^(?:Tests|#? ?tests):? .*?(\d+) passed/gim) ??
    number(text, /^\s*(?:# |ℹ )pass:? +(\d+)/gm);
  const failed =
    number(text, /^\s*(\d+) failing\b/gm) ??
    number(text, /^(?:Tests|#? ?tests):? .*?(\d+) failed/gim) ??
    number(text, /^\s*(?:# |ℹ )fail:? +(\d+)/gm);
  const skipped =
    number(text, /^\s*(\d+) pending\b/gm) ??
    number(text, /^(?:Tests|#? ?tests):? .*?(\d+) (?:skipped|todo)/gim) ??
    number(text, /^\s*(?:# |ℹ )skip(?:ped)?:? +(\d+)/gm);
  if (passed === null && failed === null) return { run: null, failed: null, skipped: null };
  return { run: (passed ?? 0) + (failed ?? 0), failed: failed ?? 0, skipped: skipped ?? 0 };
}

/** Of coverage.py's table the lines, not the branches; of others the last word. */
function coverage(text: string): number | null {
  const rows = [...text.matchAll(/^(\S+\.py)\s+(\d+)\s+(\d+)\s.*%/gm)];
  const statements = rows.reduce((sum, row) => sum + Number(row[2]), 0);
  const missed = rows.reduce((sum, row) => sum + Number(row[3]), 0);
  if (statements > 0) return (100 * (statements - missed)) / statements;
  return (
    number(text, /^total:\s+\(statements\)\s+([\d.]+)%/gm) ??
    number(text, /coverage: ([\d.]+)% of statements/g) ??
    number(text, /^(?:All files|Statements)\s*[|:]\s*([\d.]+)/gm)
  );
}

/** What a style, type or documentation tool counted; without a sum of its own, its lines `path:line…`. */
export function findingFigures(said: string, exit: number | null): Figures {
  const text = said.replaceAll(/\u001b\[[0-9;]*m/g, '');
  // The tool is not there, or says itself that it did not look at everything.
  if (exit === 127 || exit === 126 || /\berrors prevented further checking\b/.test(text)) return nothing;
  const sum =
    number(text, /^Found (\d+) errors?\b/gm) ??
    number(text, /^✖ (\d+) problems?\b/gm) ??
    number(text, /^Found (\d+) warnings? and \d+ errors?/gm);
  if (sum !== null) return { ...nothing, findings: sum };
  const placed = text.match(/^\s*[^\s'"(]\S*?:(?:\d+|docstring of\b).*$/gm)?.length ?? 0;
  const warned = text.match(/^WARNING\b.*$/gm)?.length ?? 0;
  const listed = text.match(/^\S+\.go$/gm)?.length ?? 0;
  const findings = placed + warned + listed;
  return { ...nothing, findings: findings === 0 && exit !== 0 ? null : findings };
}
