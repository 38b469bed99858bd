// How figures are summed up, held against their bars, and set in columns.

/** Milliseconds. */
export type Spread = { p50: number; p95: number; p99: number; least: number; most: number; count: number };

/** Nearest rank, so every figure is one that was measured; null for no values. */
export function spreadOf(values: readonly number[]): Spread | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const rank = (share: number): number => round(sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]!);
  return { p50: rank(0.5), p95: rank(0.95), p99: rank(0.99), least: rank(0), most: rank(1), count: sorted.length };
}

/** `isLeast`: the limit is the least that is asked, not the most. */
export type Bar = {
  what: string;
  limit: number;
  measured: number | null;
  unit: 'ms' | 'MB' | 'requests/s' | 'times' | 'failed' | '%';
  isLeast?: true;
  isMet: boolean;
};

/** A figure that is not there does not meet its bar. */
export function barOf(what: string, measured: number | null | undefined, limit: number, unit: Bar['unit'] = 'ms'): Bar {
  return { what, limit: round(limit), measured: measured ?? null, unit, isMet: (measured ?? Infinity) <= limit };
}

/** The other way round: the figure has to reach the limit. */
export function leastOf(what: string, measured: number | null | undefined, limit: number, unit: Bar['unit']): Bar {
  const isMet = (measured ?? -Infinity) >= limit;
  return { what, limit: round(limit), measured: measured ?? null, unit, isLeast: true, isMet };
}

export const round = (value: number): number => Math.round(value * 10) / 10;

export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Rows in columns, the first to the left and the others to the right. */
export function inColumns(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>(
    (most, row) => row.map((cell, at) => Math.max(most[at] ?? 0, cell.length)).concat(most.slice(row.length)),
    [],
  );
  const line = (row: readonly string[]): string =>
    row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!))).join('  ');
  return rows.map((row) => line(row).trimEnd()).join('\n');
}
