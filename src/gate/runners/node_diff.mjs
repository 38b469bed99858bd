// Which lines of a text another text has otherwise, as runs of the first one's lines, 1-based. Exact for texts of a usual size;
// of a large difference the whole run is one.
const mostCells = 4_000_000;

export function differingLines(before, after) {
  const [a, b] = [before.split('\n'), after.split('\n')];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let [endA, endB] = [a.length, b.length];
  while (endA > start && endB > start && a[endA - 1] === b[endB - 1]) {
    endA -= 1;
    endB -= 1;
  }
  if (start === endA && start === endB) return [];
  const [n, m] = [endA - start, endB - start];
  if (n * m > mostCells || n === 0 || m === 0) return [runOf(start, endA, a.length)];
  // The longest common subsequence of what is between.
  const width = m + 1;
  const table = new Uint32Array((n + 1) * width);
  for (let i = n - 1; i >= 0; i -= 1)
    for (let j = m - 1; j >= 0; j -= 1)
      table[i * width + j] =
        a[start + i] === b[start + j]
          ? table[(i + 1) * width + j + 1] + 1
          : Math.max(table[(i + 1) * width + j], table[i * width + j + 1]);
  const runs = [];
  let [i, j] = [0, 0];
  while (i < n || j < m) {
    if (i < n && j < m && a[start + i] === b[start + j]) {
      i += 1;
      j += 1;
      continue;
    }
    const from = i;
    while ((i < n || j < m) && !(i < n && j < m && a[start + i] === b[start + j])) {
      if (j >= m || (i < n && table[(i + 1) * width + j] >= table[i * width + j + 1])) i += 1;
      else j += 1;
    }
    runs.push(runOf(start + from, start + i, a.length));
  }
  return runs;
}

/** Lines that are only added stand at the line before which they belong. */
function runOf(from, to, length) {
  const first = Math.min(from + 1, Math.max(1, length));
  return { from: first, to: Math.max(first, to) };
}
