// What a process loads is the same, module by module, as where Node finds each by itself.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { quickly } from '../../bin/quick-resolve.mjs';
import { run } from '../exec/exec.ts';

const bin = pathToFileURL(join(import.meta.dirname, '..', '..', 'bin', 'quick-resolve.mjs')).href;
const inSource = 'file:///x/src/main/up.ts';

test('a relative name with the ending of who asks is taken as it stands, and all else is left to Node', () => {
  const taken = (specifier: string, parent: string | undefined = inSource, conditions = ['node', 'import']) =>
    quickly(specifier, parent, conditions);
  assert.deepEqual(taken('../lib/a.ts'), {
    url: 'file:///x/src/lib/a.ts',
    format: 'module-typescript',
    shortCircuit: true,
  });
  assert.equal(taken('./a.js', 'file:///x/node_modules/z/index.js')?.format, 'module');
  for (const [specifier, parent] of [
    ['zod', inSource],
    ['#own', inSource],
    ['node:fs', inSource],
    ['.hidden.ts', inSource],
    ['/a.ts', inSource],
    ['./a', inSource],
    ['./a.ts?again', inSource],
    ['./a.js', inSource], // whose package may be of another kind
    ['./a.js', 'file:///x/node_modules/z/index.mjs'],
    ['./a.json', inSource],
    ['./a.js', 'data:text/javascript,1.js'],
  ] as const)
    assert.equal(taken(specifier, parent), null, specifier);
  assert.equal(quickly('./a.ts', undefined, ['node', 'import']), null);
  assert.equal(taken('./a.js', 'file:///x/node_modules/z/index.js', ['node', 'require']), null);
});

test('the modules of the three programs are those that Node finds, of the same kind, but for the languages that nobody asks for', async () => {
  // Listed by a hook that is asked last: it sees what whoever was asked first made of the names.
  const listing = `
    import { registerHooks } from 'node:module';
    const seen = new Set();
    registerHooks({
      load(url, context, next) {
        const loaded = next(url, context);
        seen.add(loaded.format + ' ' + url);
        return loaded;
      },
    });
    if (process.argv[1] === 'quickly') await import(${JSON.stringify(bin)});
    const here = ${JSON.stringify(pathToFileURL(import.meta.dirname).href)};
    for (const name of ['up', 'platform', 'git-door', 'control-world', 'registry/room', '../router/router', '../api/api'])
      await import(here + '/' + name + '.ts');
    process.stdout.write([...seen].filter((line) => !line.endsWith('/bin/quick-resolve.mjs')).sort().join('\\n'));
  `;
  const found = async (how: 'quickly' | 'by Node'): Promise<string[]> => {
    const flags = ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', listing];
    const { stdout } = await run([process.execPath, ...flags, how], { env: {}, timeoutMs: 60_000, okCodes: [0] });
    return stdout.toString().split('\n');
  };
  const [quick, usual] = await Promise.all([found('quickly'), found('by Node')]);
  assert.ok(usual.length > 500, `${usual.length} modules`);
  const isLanguage = (line: string): boolean => /\/zod\/v4\/locales\/(?!en\.js$)/.test(line);
  assert.ok(
    usual.filter(isLanguage).length > 40,
    'zod has its languages elsewhere by now: bin/quick-resolve.mjs names where',
  );
  assert.deepEqual(
    quick,
    usual.filter((line) => !isLanguage(line)),
  );
});
