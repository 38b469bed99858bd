// TAP (the Test Anything Protocol) as cases: what `tap` and its like print. A test is an innermost group of assertions; a file that
// groups nothing is one. `todo` assertions never fail. Text that is no TAP is passed over.
const point = /^(not )?ok\b(?: \d+)?(?: -)? ?(.*?)(?:\s+# ?((?:skip|todo|time)\b.*?))?\s*(\{)?$/i;

const deepest = 50;

/** [{name, file, line, outcome, message}]: the file is the name of the outermost group. */
export function tapCases(text) {
  const open = [group()];
  const buffered = [];
  /** The last point: what follows it may be its details, and its inside. */
  let last = null;
  let details = null;
  const settle = () => {
    if (last !== null) close(open, last.depth, last.said);
    last = null;
  };
  for (const raw of text.split('\n')) {
    const line = raw.trim();
    const indent = raw.length - raw.trimStart().length;
    if (details !== null) {
      if (indent === details.indent && line === '...') details = null;
      else readDetail(details, line, indent);
      continue;
    }
    if (line === '---') {
      details = { indent, of: last?.said ?? null, key: '' };
      continue;
    }
    if (line === '' || line.startsWith('#')) continue;
    const depth = Math.min(indent >> 2, deepest);
    if (line === '{' && last?.depth === depth) {
      buffered.push(last);
      last = null;
      continue;
    }
    settle();
    while (open.length <= depth) open.push(group());
    if (line === '}' && buffered.at(-1)?.depth === depth) {
      last = buffered.pop();
      continue;
    }
    const match = point.exec(line);
    if (match === null) continue;
    const said = { name: match[2], isOk: !match[1], words: match[3] ?? '', line: null, file: null };
    if (match[4]) {
      // What is inside follows.
      open.length = depth + 1;
      buffered.push({ depth, said });
    } else last = { depth, said };
  }
  settle();
  return open[0].cases;
}

const group = () => ({ cases: [], failure: null, hasPoints: false });

/** The end of a group, or an assertion. */
function close(open, depth, said) {
  const { name, isOk, words } = said;
  const around = open[depth];
  around.hasPoints = true;
  const inside = open[depth + 1];
  open.length = depth + 1;
  const isLeftOut = /^(?:skip|todo)\b/i.test(words);
  const failure = isOk || isLeftOut ? null : said;
  const outcome = isLeftOut ? 'skipped' : failure ? 'failed' : 'passed';
  if (inside === undefined || !inside.hasPoints) {
    // At the top stand files, whatever is in them; a test that was left out has nothing in it.
    if (depth === 0 || isLeftOut) add(around, [{ name, outcome, failure }], depth, name);
    around.failure ??= failure;
    return;
  }
  const { cases } = inside;
  const isTold = cases.some((one) => one.outcome === 'failed');
  if (cases.length === 0 || (failure && !isTold))
    cases.push({ name: '', outcome, failure: failure && (inside.failure ?? failure) });
  add(around, cases, depth, name);
}

/** Names tell the way from the file, which is the outermost. */
function add(around, cases, depth, name) {
  for (const one of cases) {
    const isOwn = one.name === '' || one.name === name;
    if (depth === 0) {
      around.cases.push(finished({ ...one, name: isOwn ? name : one.name }, name));
    } else around.cases.push({ ...one, name: isOwn ? name : `${name} > ${one.name}` });
  }
}

/** The place stands where a stack's would. */
function finished({ name, outcome, failure }, file) {
  const place = failure?.line ? `\n    at ${failure.file ?? file}:${failure.line}` : '';
  return { name, file, line: null, outcome, message: failure ? `${failure.name}${place}` : '' };
}

/** Of the details of a failure, its place: `at:` and below it `file:` and `line:`. */
function readDetail(details, line, indent) {
  const match = /^(\w+): ?(.*)$/.exec(line);
  if (match === null) return;
  const [, key, value] = match;
  if (indent === details.indent) details.key = key;
  if (details.of === null) return;
  if (details.key === 'at' && /^line(?:Number)?$/.test(key) && /^\d{1,7}$/.test(value)) details.of.line = Number(value);
  else if (details.key === 'at' && /^(?:file|fileName)$/.test(key)) details.of.file = value.replace(/^file:\/\//, '');
}
