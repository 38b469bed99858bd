import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeSatisfies, parseRange, wantedNode } from './node-version.ts';

test('ranges say what npm says of them', () => {
  const check = (range: string, yes: string[], no: string[]) => {
    for (const version of yes) assert.ok(nodeSatisfies(version, range), `${version} in ${range}`);
    for (const version of no) assert.ok(!nodeSatisfies(version, range), `${version} not in ${range}`);
  };
  check('>=18', ['18.0.0', '26.1.0'], ['17.9.9']);
  check('22', ['22.0.0', '22.21.1'], ['21.9.0', '23.0.0']);
  check('22.x', ['22.4.0'], ['23.0.0']);
  check('v20.1', ['20.1.9'], ['20.2.0']);
  check('^20.3.1', ['20.3.1', '20.9.0'], ['20.3.0', '21.0.0']);
  check('^0.2.3', ['0.2.9'], ['0.3.0', '0.2.2']);
  check('^0.0.3', ['0.0.3'], ['0.0.4']);
  check('^0', ['0.9.0'], ['1.0.0']);
  check('~18.2', ['18.2.7'], ['18.3.0']);
  check('~18', ['18.9.0'], ['19.0.0']);
  check('~18.2.3', ['18.2.3', '18.2.9'], ['18.2.2', '18.3.0']);
  check('>= 18 < 23', ['18.0.0', '22.9.9'], ['23.0.0']);
  check('18 || >=22', ['18.3.0', '24.0.0'], ['20.0.0']);
  check('18 - 20', ['18.0.0', '20.9.9'], ['21.0.0']);
  check('18.1.0 - 20.2.0', ['20.2.0'], ['20.2.1', '18.0.9']);
  check('>20', ['21.0.0'], ['20.9.9']);
  check('>20.1.1', ['20.1.2'], ['20.1.1']);
  check('<=20', ['20.9.9'], ['21.0.0']);
  check('<20.1', ['20.0.9'], ['20.1.0']);
  check('*', ['1.0.0'], []);
  check('', ['1.0.0'], []);
  check('=22.1.0', ['22.1.0'], ['22.1.1']);
  for (const wrong of ['latest', 'a.b', '1.2.3.4', '>=', '^^1', 'x'.repeat(300)]) {
    assert.equal(parseRange(wrong), null, wrong);
    assert.ok(!nodeSatisfies('22.0.0', wrong), wrong);
  }
});

test('files go before engines, and what cannot be read asks for nothing', () => {
  const check = (said: Partial<Parameters<typeof wantedNode>[0]>, expected: string | null) =>
    assert.equal(wantedNode({ nvmrc: null, nodeVersion: null, engines: null, ...said })?.spec ?? null, expected);
  check({}, null);
  check({ engines: '>=18' }, '>=18');
  check({ engines: 'whatever is there' }, null);
  check({ engines: '*' }, null);
  check({ nvmrc: 'v22.3.0\n', engines: '>=18' }, 'v22.3.0');
  check({ nodeVersion: '20', nvmrc: '22' }, '20');
  check({ nvmrc: '# ours\nlts/jod\n' }, '22');
  check({ nvmrc: 'lts/*' }, '24');
  check({ nvmrc: 'lts/unheard', engines: '22' }, '22');
  check({ nvmrc: 'node', engines: '22' }, '22');
});
