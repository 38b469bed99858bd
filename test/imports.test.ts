// Dependencies point one way: doors -> journey -> stages -> domain. This walks every import of `src/`.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';

const root = dirname(import.meta.dirname);
const stages = ['receive', 'mainline', 'gate', 'build', 'release', 'agent', 'router', 'proof', 'published'];
/** Rooms that any stage may use: they know nothing of the journey. */
const foundations = ['domain', 'lib', 'exec', 'git', 'config'];

type Import = { from: string; to: string };

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8');
  const specifiers = [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1]!);
  return specifiers.map((to) => ({ from: file, to: to.startsWith('.') ? normalize(join(dirname(file), to)) : to }));
}

const room = (path: string) => path.split('/')[1]!.replace(/\.ts$/, '');

/** One sentence for each import that points the wrong way. */
function wrongWays(imports: Import[]): string[] {
  return imports
    .filter(({ to }) => to.startsWith('src/'))
    .filter(({ from, to }) => {
      const [here, there] = [room(from), room(to)];
      if (here === there || here === 'main') return false;
      if (here === 'domain') return true;
      if (here === 'lib') return true;
      if (foundations.includes(here)) return !foundations.includes(there);
      if (stages.includes(here)) return !foundations.includes(there);
      return here === 'store' && !foundations.includes(there);
    })
    .map(({ from, to }) => `${from} imports ${to}`);
}

const sources = globSync('src/**/*.ts', { cwd: root }).filter((file) => !file.endsWith('.test.ts'));

test('no stage imports another, and the domain imports nothing of ours', () => {
  assert.ok(sources.length > 0);
  assert.deepEqual(wrongWays(sources.flatMap(importsOf)), []);
});

test('the walk notices an import that points the wrong way', () => {
  assert.deepEqual(wrongWays([{ from: 'src/gate/gate.ts', to: 'src/build/build.ts' }]), [
    'src/gate/gate.ts imports src/build/build.ts',
  ]);
  assert.equal(wrongWays([{ from: 'src/domain/app.ts', to: 'src/lib/x.ts' }]).length, 1);
  assert.equal(wrongWays([{ from: 'src/main/control.ts', to: 'src/gate/gate.ts' }]).length, 0);
});

test('nothing runs a shell by string', () => {
  for (const file of sources) {
    const text = readFileSync(join(root, file), 'utf8');
    assert.doesNotMatch(
      text,
      /shell:\s*true|\bexecSync\(|import \{[^}]*\bexec\b[^}]*\} from 'node:child_process'/,
      file,
    );
  }
});

/** The only files of `src/` that start programs; everything else asks `src/exec`. */
const starters = [
  'src/agent/process/launcher.ts', // instances and jobs, which outlive it
  'src/exec/exec.ts',
  'src/exec/run-attached.ts', // git on the person's own terminal
  'src/main/detach.ts', // `up` itself, in the background
  'src/main/neighbour.ts', // control and router, which `up` restarts
  'src/main/registry/program.ts', // docker-registry, which it restarts as well
];

/** Files that reach for node's own way of starting programs, by whatever form of import. */
function startersAmong(texts: ReadonlyMap<string, string>): string[] {
  return [...texts].filter(([, text]) => /['"`](?:node:)?child_process['"`]/.test(text)).map(([file]) => file);
}

test('only exec, the launcher and up start programs', () => {
  // Fakes are what tests stand on; scripts/build.ts leaves them out of the package.
  const programs = sources.filter((file) => !/\/fake[^/]*\.ts$/.test(file));
  const texts = new Map(programs.map((file) => [file, readFileSync(join(root, file), 'utf8')]));
  assert.deepEqual(
    startersAmong(texts).filter((file) => !starters.includes(file)),
    [],
  );
});

test('the walk notices a file that starts programs', () => {
  const check = (text: string, expected: string[]) =>
    assert.deepEqual(startersAmong(new Map([['a.ts', text]])), expected);
  check("import { spawn } from 'node:child_process';", ['a.ts']);
  check('const { spawn } = await import("child_process");', ['a.ts']);
  check("process.getBuiltinModule('node:child_process')", ['a.ts']);
  check("import { run } from '../exec/exec.ts'; // never node:child_process", []);
});

/** Files that load `node:http` as a module, and with it what no process of ours can use. */
function httpLoadersAmong(texts: ReadonlyMap<string, string>): string[] {
  return [...texts]
    .filter(([, text]) =>
      /^(?:import(?! type\b)|\})[^;]*'node:http'/m.test(text.replaceAll(/^import type [^;]*;/gm, '')),
    )
    .map(([file]) => file);
}

test('nobody loads node:http as a module but for its types: it brings the whole of fetch', () => {
  const programs = sources.filter((file) => !/\/(?:fake|test)-[^/]*\.ts$/.test(file));
  assert.deepEqual(
    httpLoadersAmong(new Map(programs.map((file) => [file, readFileSync(join(root, file), 'utf8')]))),
    [],
  );
});

test('the walk notices a file that loads it', () => {
  const check = (text: string, expected: string[]) =>
    assert.deepEqual(httpLoadersAmong(new Map([['a.ts', text]])), expected);
  check("import { request } from 'node:http';", ['a.ts']);
  check("import {\n  type Server,\n} from 'node:http';", ['a.ts']);
  check("import type { Server } from 'node:http';\nimport { request } from '../lib/http.ts';", []);
});

test('one file knows where main lives, and everything else asks the seam', () => {
  const makers = sources.filter((file) => /\blocalMainline\(/.test(readFileSync(join(root, file), 'utf8')));
  assert.deepEqual(makers.toSorted(), ['src/journey/world.ts', 'src/mainline/local.ts']);
  // The queue moves branches and pins, and never main.
  const moving = sources.filter((file) => file.startsWith('src/journey/queue/'));
  for (const file of moving)
    assert.doesNotMatch(readFileSync(join(root, file), 'utf8'), /privileged|\.advance\(/, file);
});
