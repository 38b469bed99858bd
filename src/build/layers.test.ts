// A layer before it is made and after it could not be: its key, its steps, and the installer's own reason.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LayerRecipe } from '../domain/plan.ts';
import { layerKey } from './layer-key.ts';
import { layerSteps } from './layer-steps.ts';
import { reasonOf } from './make-layer.ts';

const recipe: LayerRecipe = {
  interpreter: { kind: 'python', version: null },
  inputs: ['requirements.txt'],
  extras: ['gunicorn==1'],
  installer: { tool: 'uv-requirements', files: ['requirements.txt'] },
};

test('a layer key changes with everything that goes in, and with nothing else', () => {
  const given = {
    recipe,
    purpose: 'run' as const,
    inputs: new Map([
      ['a', Buffer.from('1')],
      ['b', Buffer.from('2')],
    ]),
    interpreter: 'cp311',
    tools: { uv: '1', x: '2' },
  };
  const key = layerKey(given);
  assert.match(key, /^[0-9a-f]{64}$/);
  assert.equal(key, layerKey({ ...given, inputs: new Map([...given.inputs].reverse()), tools: { x: '2', uv: '1' } }));
  for (const other of [
    {
      inputs: new Map([
        ['a', Buffer.from('2')],
        ['b', Buffer.from('1')],
      ]),
    },
    { interpreter: 'cp312' },
    { tools: { uv: '2', x: '2' } },
    { purpose: 'gate' as const },
    { recipe: { ...recipe, extras: [] } },
  ])
    assert.notEqual(key, layerKey({ ...given, ...other }));
});

test('layer steps are argv for uv, operands after --', () => {
  const check = (given: LayerRecipe, purpose: 'run' | 'gate', expected: string[]) =>
    assert.deepEqual(
      layerSteps(given, purpose)
        .slice(1, -1)
        .map(({ argv }) => argv.join(' ').replace('{tool:uv}/bin/uv', 'uv')),
      expected,
    );
  const pip = 'uv pip install --python {layer}/bin/python';
  check(recipe, 'run', [`${pip} -r {inputs}/requirements.txt -- gunicorn==1`]);
  check({ ...recipe, installer: { tool: 'uv-sync' }, extras: [] }, 'run', [
    'uv sync --frozen --no-install-workspace --python {layer}/bin/python --no-dev',
  ]);
  check({ ...recipe, installer: { tool: 'uv-project', extras: ['test'], groups: ['dev'] } }, 'gate', [
    `${pip} -r {inputs}/pyproject.toml --extra test --group {inputs}/pyproject.toml:dev -- gunicorn==1`,
  ]);
  const withFile: LayerRecipe = {
    ...recipe,
    installer: { tool: 'uv-project', extras: [], groups: [], files: ['a.txt'] },
  };
  const [base, kept, more] = layerSteps(withFile, 'gate').slice(1, -1);
  assert.equal(
    base!.argv.slice(1).join(' '),
    'pip install --python {layer}/bin/python -r {inputs}/pyproject.toml -- gunicorn==1',
  );
  // What is pinned for development gives way to what serves.
  assert.equal(kept!.argv.at(-1), '{layer}/kept-versions.txt');
  assert.equal(
    more!.argv.slice(1).join(' '),
    'pip install --python {layer}/bin/python --override {layer}/kept-versions.txt -r {inputs}/a.txt',
  );
  check({ ...recipe, installer: { tool: 'none' }, extras: [] }, 'run', []);
  const asked = layerSteps(
    {
      ...recipe,
      installer: { tool: 'uv-project', extras: ['test'], groups: [], program: 'setup.py', folders: ['src'] },
    },
    'gate',
  ).slice(1, -1);
  assert.deepEqual(
    [asked[0]!.argv.at(-1), asked[1]!.argv.slice(1)],
    ['src', 'pip install --python {layer}/bin/python -r {inputs}/setup.py --extra test -- gunicorn==1'.split(' ')],
  );
  const own = { name: 'x', version: '1', entryPoints: {} };
  const written = layerSteps({ ...recipe, own }, 'run').at(-2)!.argv;
  assert.deepEqual([written[0], written.at(-1)], ['{layer}/bin/python', JSON.stringify(own)]);
  assert.deepEqual(layerSteps({ ...recipe, interpreter: { kind: 'none' } }, 'run'), []);
  const steps = layerSteps(recipe, 'run');
  // What only says which versions serve is never imported.
  assert.deepEqual(layerSteps(recipe, 'versions'), steps.slice(0, -1));
  assert.equal(steps[0]!.argv.join(' '), '{tool:uv}/bin/uv venv {layer} --python {python}');
  assert.equal(
    steps.at(-1)!.argv.join(' '),
    '{layer}/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash {layer}/lib',
  );
  assert.equal(steps[0]!.env.UV_PYTHON_DOWNLOADS, 'never');
});

test("the installer's reason is told with its why, which goes on over lines", () => {
  const said = [
    'Using Python 3.11',
    '  × No solution found when resolving dependencies:',
    '  ╰─▶ Because you require markupsafe==2.1.5 and markupsafe==3.0.2, we can',
    '      conclude that your requirements are unsatisfiable.',
    '',
    'hint: something else',
  ];
  assert.equal(
    reasonOf(said),
    '× No solution found when resolving dependencies: Because you require markupsafe==2.1.5 and markupsafe==3.0.2, we can conclude that your requirements are unsatisfiable.',
  );
  assert.equal(
    reasonOf(['error: Failed to build `x`', '  Caused by: no compiler', '  Caused by: none']),
    'error: Failed to build `x`: no compiler',
  );
  assert.equal(reasonOf(['a', 'npm error code E404', '']), 'npm error code E404');
  assert.equal(reasonOf([]), 'nothing was said');
});
