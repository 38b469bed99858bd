// Lines over a logarithmic axis, as an SVG that reads on light and dark pages.
export type Series = { name: string; values: readonly number[] };
export type Panel = { title: string; unit: string; series: readonly Series[] };

const [width, height, left, right, top, bottom] = [360, 260, 48, 112, 34, 34];
const colours = ['#2563eb', '#d97706', '#059669', '#dc2626', '#7c3aed'];

/** The panels beside one another, over the same `xs` (all above 0). */
export function lineChart(xs: readonly number[], xTitle: string, panels: readonly Panel[]): string {
  const all = width * panels.length;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${all} ${height}" width="${all}" height="${height}" font-family="sans-serif" font-size="11" fill="#777">`,
    ...panels.map((panel, at) => `<g transform="translate(${at * width} 0)">${drawn(xs, xTitle, panel)}</g>`),
    '</svg>\n',
  ].join('\n');
}

function drawn(xs: readonly number[], xTitle: string, { title, unit, series }: Panel): string {
  const most = niceMost(Math.max(...series.flatMap(({ values }) => values), 0.001));
  const [low, high] = [Math.log10(Math.min(...xs)), Math.log10(Math.max(...xs))];
  const x = (value: number) => left + ((Math.log10(value) - low) / (high - low || 1)) * (width - left - right);
  const y = (value: number) => height - bottom - (value / most) * (height - top - bottom);
  const text = (px: number, py: number, words: string, more = '') =>
    `<text x="${fixed(px)}" y="${fixed(py)}" ${more}>${words}</text>`;
  const grid = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const at = y(share * most);
    const line = `<line x1="${left}" x2="${width - right}" y1="${fixed(at)}" y2="${fixed(at)}" stroke="#8884"/>`;
    return line + text(left - 6, at + 4, String(Number((share * most).toPrecision(3))), 'text-anchor="end"');
  });
  const labels = spreadOut(series.map(({ values }) => y(values.at(-1)!)));
  const lines = series.map(({ name, values }, at) => {
    const colour = colours[at % colours.length]!;
    const points = values.map((value, one) => `${fixed(x(xs[one]!))},${fixed(y(value))}`);
    const dots = points.map((point) => {
      const [cx, cy] = point.split(',');
      return `<circle cx="${cx}" cy="${cy}" r="2.5" fill="${colour}"/>`;
    });
    const label = text(width - right + 8, labels[at]! + 4, name, `fill="${colour}"`);
    return `<polyline points="${points.join(' ')}" fill="none" stroke="${colour}" stroke-width="1.5"/>${dots.join('')}${label}`;
  });
  const ticks = xs.map((value) => text(x(value), height - bottom + 16, String(value), 'text-anchor="middle"'));
  return [
    text(left, 18, `${title} (${unit})`, 'font-weight="bold"'),
    ...grid,
    ...ticks,
    text((left + width - right) / 2, height - 4, xTitle, 'text-anchor="middle"'),
    ...lines,
  ].join('\n');
}

/** 1, 2, 4, 6 or 8 times a power of ten, at or above the value. */
function niceMost(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 4, 6, 8, 10].find((step) => step * power >= value) ?? 10) * power;
}

/** Moves labels apart that would cover one another. */
function spreadOut(positions: readonly number[]): number[] {
  const order = positions.map((_, at) => at).sort((a, b) => positions[a]! - positions[b]!);
  const result = [...positions];
  for (let at = 1; at < order.length; at += 1)
    result[order[at]!] = Math.max(result[order[at]!]!, result[order[at - 1]!]! + 13);
  return result;
}

const fixed = (value: number) => String(Math.round(value * 10) / 10);
