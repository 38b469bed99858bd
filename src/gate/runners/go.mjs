// Runs Go's own tools and writes what they say as reports: gofmt, vet, tests with coverage, and the definitions that docs.go
// lists. Exit 0 means that all was asked, whatever was found; 125 that there is no Go to ask. gofmt ends with 0 and vet -json
// does, too, whatever they find: only what they print counts.
// Usage: go.mjs fmt|vet|test|docs|lint --go GO --spec spec.json --reports FOLDER [--linter PROGRAM|own]
//   spec: { files, modules: [{ folder, path, isInWork, only: { packages, run } }] }, `only` for a second run of what failed
import { spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { createInterface } from 'node:readline';

const argument = (name) => process.argv[process.argv.indexOf(name) + 1];
const go = realpathSync(argument('--go'));
const spec = JSON.parse(readFileSync(argument('--spec'), 'utf8'));
const reports = argument('--reports');
const here = realpathSync('.');
const findingLimit = 20_000;
const outputBytes = 64 * 1024 * 1024;
/** Of one test, and of all that is kept. */
const testBytes = 16 * 1024;
const eventBytes = 8 * 1024 * 1024;
const report = { count: 0, findings: [], notes: [] };

const find = (file, line, rule, message) => {
  report.count += 1;
  if (report.findings.length < findingLimit) report.findings.push({ file, line, rule, message });
};
const run = (argv, cwd, env = {}) => {
  const ended = spawnSync(argv[0], argv.slice(1), {
    cwd: join(here, cwd),
    encoding: 'utf8',
    maxBuffer: outputBytes,
    env: { ...process.env, ...env },
  });
  if (ended.error?.code === 'ENOENT') process.exit(125);
  if (ended.error) report.failed = `${argv[0]}: ${ended.error.message}`;
  return ended;
};
/** A module that go.work leaves out is asked for itself. */
const workOf = ({ isInWork }) => (isInWork ? {} : { GOWORK: 'off' });
const lastWords = (text) =>
  text
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^go: downloading /.test(line))
    .slice(-3)
    .join('; ')
    .slice(0, 1000);

const verbs = { fmt, vet, test, docs, lint };
await verbs[process.argv[2]]();

function fmt() {
  const gofmt = join(dirname(go), 'gofmt');
  const files = spec.files.filter((path) => !isGenerated(path));
  for (let at = 0; at < files.length; at += 200) {
    const { stdout, stderr, status } = run(
      [gofmt, '-d', '--', ...files.slice(at, at + 200)].filter((word) => word !== '--'),
      '',
    );
    readDiff(stdout ?? '');
    const before = report.count;
    for (const line of (stderr ?? '').split('\n')) {
      const match = /^(.+?\.go):(\d+):\d+: (.*)$/.exec(line);
      if (match) find(match[1], Number(match[2]), 'syntax', match[3]);
    }
    if (status !== 0 && status !== 1 && report.count === before) report.failed = `gofmt: ${lastWords(stderr ?? '')}`;
  }
  writeFileSync(join(reports, 'style.json'), JSON.stringify(report));
}

/** What gofmt would write otherwise, one finding a line; what it would add is told of the line before it. */
function readDiff(text) {
  let file = null;
  let line = 0;
  let gone = [];
  let come = [];
  const flush = () => {
    const said = (at) =>
      come[at] === undefined ? 'gofmt takes this line away' : `gofmt writes ${JSON.stringify(come[at])}`;
    for (const [at, number] of gone.entries()) find(file, number, 'gofmt', said(at));
    if (gone.length === 0 && come.length > 0)
      find(
        file,
        Math.max(1, line - 1),
        'gofmt',
        come[0] === '' ? 'gofmt puts an empty line after this one' : `gofmt adds ${JSON.stringify(come[0])}`,
      );
    gone = [];
    come = [];
  };
  for (const each of text.split('\n')) {
    const hunk = /^@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@/.exec(each);
    if (hunk || each.startsWith('diff ')) {
      flush();
      if (hunk) line = Number(hunk[1]);
      else file = each.slice(5, Math.floor((each.length - 5 - '.orig '.length) / 2) + 5);
    } else if (/^(?:---|\+\+\+) /.test(each) && line === 0) continue;
    else if (each.startsWith('-')) {
      if (come.length > 0) flush();
      gone.push(line);
      line += 1;
    } else if (each.startsWith('+')) come.push(each.slice(1));
    else if (each.startsWith(' ')) {
      flush();
      line += 1;
    }
    if (each.startsWith('diff ')) line = 0;
  }
  flush();
}

function isGenerated(path) {
  try {
    return /^\/\/ Code generated .* DO NOT EDIT\.$/m.test(readFileSync(path, 'utf8').slice(0, 4096));
  } catch {
    return true; // a link that leads nowhere
  }
}

function vet() {
  for (const module of spec.modules) {
    const { stdout, stderr, status } = run([go, 'vet', '-json', './...'], module.folder, workOf(module));
    const before = report.count;
    for (const object of objectsOf(`${stdout}\n${stderr}`))
      for (const [name, analyzers] of Object.entries(object))
        for (const [rule, found] of Object.entries(analyzers ?? {}))
          for (const one of Array.isArray(found) ? found : [])
            place(module.folder, hereAgain(one.posn, name, module), rule, one.message);
    for (const line of `${stdout}\n${stderr}`.split('\n')) {
      const match = /^(?:vet: )?(\S+\.go:\d+(?::\d+)?): (.*)$/.exec(line);
      if (match) place(module.folder, match[1], 'compile', match[2]);
    }
    if (status !== 0 && report.count === before) report.failed = `go vet: ${lastWords(stderr ?? '')}`;
  }
  writeFileSync(join(reports, 'vet.json'), JSON.stringify(report));
}

/** golangci-lint ends with 0 for findings here, 5 where a module has no sources, else it could not do its work. */
function lint() {
  const linter = argument('--linter');
  const program = linter === 'own' ? [go, 'tool', 'golangci-lint'] : [linter];
  const flags = ['--path-mode=abs', '--issues-exit-code=0', '--allow-parallel-runners', '--show-stats=false'];
  // Its own limits would hide what is new behind what is old, and a repair would hide itself.
  flags.push('--max-issues-per-linter=0', '--max-same-issues=0', '--fix=false');
  flags.push('--new=false', '--new-from-rev=', '--new-from-patch=', '--new-from-merge-base=');
  const out = join(reports, 'golangci.json');
  const PATH = `${dirname(go)}:${process.env.PATH ?? ''}`;
  for (const module of spec.modules) {
    rmSync(out, { force: true });
    const argv = [...program, 'run', ...flags, `--output.json.path=${out}`, './...'];
    const { stdout, stderr, status } = run(argv, module.folder, { ...workOf(module), PATH });
    if (status === 5) continue;
    let issues = null;
    try {
      issues = status === 0 ? (JSON.parse(readFileSync(out, 'utf8')).Issues ?? []) : null;
    } catch {
      // It left no report.
    }
    if (issues === null) {
      process.stderr.write(`${stdout ?? ''}${stderr ?? ''}`);
      const said = lastWords(stderr ?? '').replace(/^.*?The command is terminated due to an error: /s, '');
      report.failed = `golangci-lint ended with exit ${status}: ${said}`;
      break;
    }
    for (const one of issues) {
      // What does not compile is told as the first line of its package, and of itself in the text.
      const inText = one.FromLinter === 'typecheck' ? /^(\S+\.go:\d+)(?::\d+)?: (.*)$/m.exec(one.Text) : null;
      if (inText) place(module.folder, inText[1], 'typecheck', inText[2]);
      else place(module.folder, `${one.Pos?.Filename}:${one.Pos?.Line}`, one.FromLinter, one.Text);
    }
  }
  rmSync(out, { force: true });
  writeFileSync(join(reports, 'lint.json'), JSON.stringify(report));
}

/** What vet has in its cache it tells with the place of the copy that it looked at then: the package says where that is now. */
function hereAgain(posn, name, { folder, path }) {
  const match = /^(\/.+\.go)(:\d+.*)$/.exec(String(posn));
  if (match === null || !relative(here, match[1]).startsWith('..')) return posn;
  const inside = name.replace(/ \[.*$/s, '').slice(path.length);
  const file = match[1].slice(match[1].lastIndexOf('/') + 1);
  // The package of a folder's outer tests has a name that no folder has.
  const found = [inside, inside.replace(/_test$/, '')]
    .map((one) => join(here, folder, one, file))
    .find((one) => existsSync(one));
  return found === undefined ? posn : `${found}${match[2]}`;
}

/** `/copy/x.go:6:26`, `./x.go:6:2` or `example.org/hello/x.go:6:26` */
function place(folder, posn, rule, message) {
  const match = /^(.+?\.go):(\d+)/.exec(String(posn));
  if (match === null) return find(null, null, rule, String(message));
  const at = match[1].startsWith('/') ? relative(here, match[1]) : `${folder}${match[1].replace(/^\.\//, '')}`;
  return find(at, Number(match[2]), rule, String(message));
}

/** The JSON objects among lines of text: each begins with a line `{` and ends with a line `}`. */
function objectsOf(text) {
  const objects = [];
  let open = null;
  for (const line of text.split('\n')) {
    if (open === null && line === '{}') continue;
    if (open === null && line === '{') open = [];
    open?.push(line);
    if (open !== null && line === '}') {
      try {
        objects.push(JSON.parse(open.join('\n')));
      } catch {
        // Not one of vet's.
      }
      open = null;
    }
  }
  return objects;
}

/**
 * Paths are trimmed so that a copy elsewhere finds what is compiled. Tests that ask where their own source lies (for what they
 * are fed with, beside it) get the real place: a trimmed one leads nowhere.
 */
function flagsOf(module) {
  const flags = process.env.GOFLAGS ?? '';
  const isAsked = (name) =>
    name.endsWith('_test.go') && /\bruntime\.Callers?\(/.test(readFileSync(join(here, module.folder, name), 'utf8'));
  const names = readdirSync(join(here, module.folder), { recursive: true });
  return names.some(isAsked) ? { GOFLAGS: flags.replace(/(?:^|\s)-trimpath(?=\s|$)/, '').trim() } : {};
}

async function test() {
  const events = openSync(join(reports, 'tests.json'), 'w');
  const ends = [];
  let cover = '';
  let written = 0;
  for (const module of spec.modules) {
    const profile = join(reports, 'one.out');
    rmSync(profile, { force: true });
    const which = module.only
      ? ['-run', module.only.run, ...module.only.packages]
      : [`-coverprofile=${profile}`, './...'];
    const argv = ['test', '-json', '-count=1', '-vet=off', ...which];
    const child = spawn(go, argv, {
      cwd: join(here, module.folder),
      env: { ...process.env, ...workOf(module), ...flagsOf(module) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    child.stderr.on('data', (chunk) => {
      said = `${said}${chunk}`.slice(-20_000);
    });
    const ended = new Promise((resolve) => {
      child.once('error', () => process.exit(125));
      child.once('close', (code) => resolve(code));
    });
    const place = join(here, module.folder, '/');
    // What a test prints is kept until it is known to have passed.
    const kept = new Map();
    for await (const line of createInterface({ input: child.stdout })) {
      if (!line.startsWith('{')) {
        process.stdout.write(`${line.slice(0, 500)}\n`);
        continue;
      }
      let event;
      try {
        event = JSON.parse(line);
      } catch {
        continue;
      }
      const key = `${event.Package}\0${event.Test ?? ''}`;
      if (event.Action === 'output') {
        const text = (kept.get(key) ?? '') + event.Output.replaceAll(place, './');
        kept.set(key, text.length > testBytes ? text.slice(0, testBytes) : text);
        continue;
      }
      if (!['pass', 'fail', 'skip', 'build-output', 'build-fail', 'run'].includes(event.Action)) continue;
      const lines = [];
      if (event.Action === 'fail' && kept.has(key))
        lines.push({ Action: 'output', Package: event.Package, Test: event.Test, Output: kept.get(key) });
      // A package that failed says of the tests that did not come to an end.
      if (event.Action === 'fail' && event.Test === undefined)
        for (const [other, output] of kept)
          if (other.startsWith(`${event.Package}\0`) && other !== key)
            lines.push({
              Action: 'output',
              Package: event.Package,
              Test: other.slice(other.indexOf('\0') + 1),
              Output: output,
            });
      kept.delete(key);
      const { Action, Package, ImportPath, Test, Output } = event;
      lines.push({ Action, Package, ImportPath, Test, Output });
      for (const one of lines) {
        const text = `${JSON.stringify(one)}\n`;
        if (written + text.length > eventBytes && Action !== 'fail') continue;
        written += text.length;
        writeSync(events, text);
      }
    }
    const exit = await ended;
    if (said.trim() !== '') process.stderr.write(said);
    ends.push({ folder: module.folder, exit, said: exit === 0 ? '' : lastWords(said) });
    try {
      cover += readFileSync(profile, 'utf8');
    } catch {
      // No package was run.
    }
  }
  closeSync(events);
  rmSync(join(reports, 'one.out'), { force: true });
  writeFileSync(join(reports, 'cover.out'), cover);
  writeFileSync(join(reports, 'ends.json'), JSON.stringify(ends));
}

/** docs.go lies beside this file; it needs nothing but what comes with Go. */
function docs() {
  const list = join(reports, 'files.json');
  writeFileSync(list, JSON.stringify(spec.files));
  const argv = [go, 'run', join(import.meta.dirname, 'docs.go'), list, join(reports, 'docstrings.json')];
  const { status, stderr } = run(argv, '', {
    GO111MODULE: 'off',
    GOTOOLCHAIN: 'local',
    GOFLAGS: '-trimpath',
    GOWORK: 'off',
  });
  rmSync(list, { force: true });
  if (status !== 0) {
    process.stderr.write(stderr ?? '');
    process.exit(1);
  }
}
