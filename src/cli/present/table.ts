// Aligned columns for people. Widths count what is shown, so colour may be in the cells.

const colour = /\u001b\[[0-9;]*m/g;
const width = (text: string): number => text.replace(colour, '').length;

/** Rows as lines: every column as wide as its widest cell, two spaces between, no space at the end. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, index) => {
      widths[index] = Math.max(widths[index] ?? 0, width(cell));
    });
  }
  return rows.map((row) =>
    row
      .map((cell, index) => cell + ' '.repeat(widths[index]! - width(cell)))
      .join('  ')
      .trimEnd(),
  );
}
