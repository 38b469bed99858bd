// Reads JUnit XML as pytest, unittest (our runner) and node's test runner write it. Attributes keep the prefix "@",
// because node writes both an attribute `failure` and a child `<failure>`. The totals in the document are the tool's claim
// and are not believed: cases are counted. Entities are never expanded by the parser (no DTD, no billion laughs); the five
// named and the numeric ones are decoded here. Reading holds up whoever reads: bytes and tags are bounded so that a document
// made to be slow costs about a second, and an honest one of 50,000 cases passes.
import { treePath } from './tree-path.ts';
import { attributeOf, type Node, nodesOf, textOf, xmlReader } from './xml.ts';

const junitBytesLimit = 8 * 1024 * 1024;
const junitCaseLimit = 200_000;
const limits = { bytes: junitBytesLimit, tags: 300_000, attributes: 600_000 };
const lineLimit = 10_000_000;
/** What is shown of a name, and of the first line of a message. */
const nameLength = 300;
const messageLength = 500;
/** What is looked at of a failure's text. */
const contentLength = 1024 * 1024;

export type TestCase = {
  /** `TestShop.test_pay`, without the module that the file says already. */
  name: string;
  outcome: 'passed' | 'failed' | 'skipped';
  file: string | null;
  /** Of the failure when it says so, else of the definition; 1-based. */
  line: number | null;
  /** The first line of the failure's message; null when it did not fail. */
  message: string | null;
  seconds: number;
};

const read = xmlReader(['testsuite', 'testcase', 'failure', 'error', 'skipped'], limits, 'none');

/** Every case in the order of the document; null when the text is no JUnit report, or too big to be an honest one. */
export function parseJunit(source: string, root: string | null = null): TestCase[] | null {
  const document = read(source);
  const top = document?.testsuites ?? document?.testsuite;
  if (top === undefined) return null;
  const cases: TestCase[] = [];
  const waiting = nodesOf(top).reverse();
  while (waiting.length > 0) {
    const suite = waiting.pop()!;
    for (const entry of nodesOf(suite.testcase)) {
      if (cases.length >= junitCaseLimit) return null;
      cases.push(toCase(entry, root));
    }
    waiting.push(...nodesOf(suite.testsuite).reverse());
  }
  return cases;
}

function toCase(entry: Node, root: string | null): TestCase {
  const fault = nodesOf(entry.failure)[0] ?? nodesOf(entry.error)[0] ?? null;
  const isSkipped = fault === null && entry.skipped !== undefined;
  const body = fault ? content(fault) : '';
  const file = treePath(attribute(entry, 'file'), root);
  const place = fault ? failurePlace(body, file, root) : null;
  const declared = Number.parseInt(attribute(entry, 'line'), 10);
  return {
    name: caseName(attribute(entry, 'classname'), attribute(entry, 'name')),
    outcome: fault ? 'failed' : isSkipped ? 'skipped' : 'passed',
    file: place?.file ?? file,
    // pytest counts the definition from 0
    line: place?.line ?? (declared >= 0 && declared < lineLimit ? declared + 1 : null),
    message: fault ? firstLine(attribute(fault, 'message') || body) || 'failed' : null,
    seconds: secondsOf(attribute(entry, 'time')),
  };
}

function secondsOf(text: string): number {
  const seconds = Number.parseFloat(text);
  return Number.isFinite(seconds) ? Math.max(0, seconds) : 0;
}

/** The last `path:line:` (pytest), `File "path", line n` (Python) or `(path:line:column)` (node) in the test's own file, else in the tree. */
function failurePlace(
  body: string,
  testFile: string | null,
  root: string | null,
): { file: string; line: number } | null {
  let inTree: { file: string; line: number } | null = null;
  let inTest: { file: string; line: number } | null = null;
  for (const line of body.split('\n').slice(0, 5000)) {
    if (line.length > 2000) continue;
    const match =
      /^([^\s:][^:]{0,500}):(\d{1,7}): /.exec(`${line} `) ??
      /^ *File "([^"]{1,500})", line (\d{1,7})/.exec(line) ??
      /\(?(?:file:\/\/)?([^\s():]{1,500}):(\d{1,7}):\d{1,7}\)?$/.exec(line);
    const file = match && treePath(match[1]!, root);
    if (!match || !file || Number(match[2]) === 0 || /(?:^|\/)(?:site-packages|node_modules)\//.test(file)) continue;
    inTree = { file, line: Number(match[2]) };
    if (file === testFile) inTest = inTree;
  }
  return inTest ?? inTree;
}

/** Of the dotted class name only what is a class: pytest says `tests.test_a.TestShop`. */
function caseName(className: string, name: string): string {
  const classes = className.split('.').filter((part) => /^[A-Z]/.test(part));
  return [...classes, name || 'unnamed'].join('.').slice(0, nameLength);
}

const attribute = (node: Node, name: string): string => decodeEntities(attributeOf(node, name));
const content = (node: Node): string => decodeEntities(textOf(node).slice(0, contentLength));

const named: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

function decodeEntities(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|(lt|gt|amp|quot|apos));/g, (whole, decimal, hex, name) => {
    if (name) return named[name]!;
    const point = decimal ? Number(decimal) : Number.parseInt(hex, 16);
    return point <= 0x10ffff ? String.fromCodePoint(point) : whole;
  });
}

function firstLine(text: string): string {
  const line = text.split('\n').find((part) => part.trim() !== '') ?? '';
  return line
    .trim()
    .replace(/^AssertionError: (?=assert )/, '')
    .slice(0, messageLength);
}
