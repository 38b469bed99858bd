import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCoverprofile } from './coverprofile.ts';
import { goFolder, goModulePath } from './go-packages.ts';
import { parseTest2json } from './test2json.ts';

const modules = [
  { path: 'example.org/shop/v2', folder: '' },
  { path: 'example.org/shop/v2/tools', folder: 'tools/' },
];
const events = (...list: object[]) => list.map((one) => `${JSON.stringify(one)}\n`).join('');
const inPackage = (Action: string, Test?: string, Output?: string, Package = 'example.org/shop/v2/cart') => ({
  ...{ Action, Package, Test, Output },
});
const shown = (list: readonly { name: string; file: string | null; line: number | null; message: string | null }[]) =>
  list.map(({ name, file, line, message }) => `${name} ${file}:${line} ${message}`);

test('packages are folders by the innermost module', () => {
  assert.equal(goFolder('example.org/shop/v2', modules), '');
  assert.equal(goFolder('example.org/shop/v2/cart_test', modules), 'cart/');
  assert.equal(goFolder('example.org/shop/v2/tools/x', modules), 'tools/x/');
  assert.equal(goFolder('example.org/shop/v20', modules), null);
  assert.equal(goModulePath('// x\nmodule "example.org/a b"\n'), 'example.org/a b');
  assert.equal(goModulePath('module example.org/a // was b\n\ngo 1.22\n'), 'example.org/a');
  assert.equal(goModulePath('go 1.22\n'), null);
});

test('a test that fails says where, and its parent is not told twice', () => {
  const { cases, broken } = parseTest2json(
    events(
      inPackage('run', 'TestPay'),
      inPackage('output', 'TestPay/card', '=== RUN   TestPay/card\n'),
      inPackage('output', 'TestPay/card', '    pay_test.go:12: got 2, want 3\n'),
      inPackage('fail', 'TestPay/card'),
      inPackage('output', 'TestPay', '--- FAIL: TestPay (0.00s)\n'),
      inPackage('fail', 'TestPay'),
      inPackage('pass', 'TestOther'),
      inPackage('skip', 'TestLater'),
      inPackage('fail'),
    ),
    modules,
  )!;
  assert.deepEqual(shown(cases.filter(({ outcome }) => outcome === 'failed')), [
    'TestPay/card cart/pay_test.go:12 got 2, want 3',
  ]);
  assert.deepEqual(cases.map(({ outcome }) => outcome).sort(), ['failed', 'passed', 'skipped']);
  assert.deepEqual(broken, []);
});

test('a panic, a test that never came back and a package that does not compile are failures', () => {
  const panic =
    'panic: boom [recovered]\n\tpanic: boom\n\ngoroutine 7 [running]:\nexample.org/shop/v2/cart.X()\n\texample.org/shop/v2/cart/cart.go:3 +0x1\nexample.org/shop/v2/cart.TestX()\n\texample.org/shop/v2/cart/cart_test.go:9 +0x1\n';
  const first = parseTest2json(
    events(
      inPackage('run', 'TestX'),
      inPackage('output', 'TestX', panic),
      inPackage('fail', 'TestX'),
      inPackage('fail'),
    ),
    modules,
  )!;
  assert.deepEqual(shown(first.cases), ['TestX cart/cart_test.go:9 panic: boom']);
  const gone = parseTest2json(events(inPackage('run', 'TestX'), inPackage('fail')), modules)!;
  assert.deepEqual(
    gone.cases.map(({ name, outcome }) => [name, outcome]),
    [['TestX', 'failed']],
  );
  const built = parseTest2json(
    events(
      {
        Action: 'build-output',
        ImportPath: 'example.org/shop/v2/cart [example.org/shop/v2/cart.test]',
        Output: '# x\n',
      },
      {
        Action: 'build-output',
        ImportPath: 'example.org/shop/v2/cart [example.org/shop/v2/cart.test]',
        Output: 'cart/cart.go:4:2: undefined: x\n',
      },
      { Action: 'build-fail', ImportPath: 'example.org/shop/v2/cart [example.org/shop/v2/cart.test]' },
      inPackage('output', undefined, 'FAIL\texample.org/shop/v2/cart [build failed]\n'),
      inPackage('fail'),
    ),
    modules,
  )!;
  assert.deepEqual(shown(built.broken), ['example.org/shop/v2/cart cart/cart.go:4 undefined: x']);
  const left = parseTest2json(events(inPackage('output', undefined, 'exit status 3\n'), inPackage('fail')), modules)!;
  assert.deepEqual([left.cases.length, left.broken.length], [0, 1], 'os.Exit in TestMain');
});

test('no events are no report, and no words make a place outside of the tree', () => {
  for (const hostile of ['', 'FAIL', '{"Action":3}', '[]', 'null', ' '.repeat(17 * 2 ** 20)])
    assert.equal(parseTest2json(hostile, modules), null);
  const lies = ['/etc/passwd.go:1: x\n', '../../x.go:1: x\n', `${'a/'.repeat(3000)}x.go:1: x\n`, 'x.go:0: y\n'];
  for (const lie of lies) {
    const { cases } = parseTest2json(events(inPackage('output', 'T', lie), inPackage('fail', 'T')), modules)!;
    assert.equal(cases[0]!.file, null, lie.slice(0, 20));
  }
});

test('coverage: a line has what its most often run block has, and files of others are left out', () => {
  const { files, linesFound, linesHit } = parseCoverprofile(
    [
      'mode: set',
      'example.org/shop/v2/cart/cart.go:3.20,5.2 2 1',
      'example.org/shop/v2/cart/cart.go:4.2,4.9 1 0',
      'example.org/shop/v2/cart/cart.go:7.20,9.2 1 0',
      'mode: set',
      'example.org/shop/v2/tools/main.go:1.1,1.9 1 4',
      'golang.org/x/y.go:1.1,1.9 1 1',
      '',
    ].join('\n'),
    modules,
  )!;
  assert.deepEqual([...files.keys()], ['cart/cart.go', 'tools/main.go']);
  assert.deepEqual(
    [...files.get('cart/cart.go')!],
    [
      [3, 1],
      [4, 1],
      [7, 0],
      [8, 0],
    ],
  );
  assert.deepEqual([linesFound, linesHit], [5, 3]);
});

test('coverage: hostile profiles are none, or nothing', () => {
  for (const hostile of ['', 'SF:a.go\n', 'mode: evil\n', ' '.repeat(17 * 2 ** 20)])
    assert.equal(parseCoverprofile(hostile, modules), null);
  const found = (line: string) => parseCoverprofile(`mode: set\n${line}\n`, modules)!.linesFound;
  for (const line of [
    'example.org/shop/v2/a.go:1.1,9999999.9 1 1',
    'example.org/shop/v2/../../a.go:1.1,2.9 1 1',
    'example.org/shop/v2/a.go:0.1,2.9 1 1',
    'example.org/shop/v2/a.go:5.1,2.9 1 1',
    'example.org/shop/v2/a.go:NaN.1,2.9 1 1',
    'a.go:1.1,2.9 1 1',
  ])
    assert.equal(found(line), 0, line);
  const many = 'example.org/shop/v2/a.go:1.1,19000.9 1 1\n'.repeat(200);
  assert.equal(parseCoverprofile(`mode: set\n${many}`, modules), null, 'made to cost');
});
