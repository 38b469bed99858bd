// The notices of every sender, as they send them; what is none; and anything at all.
import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { anyJson, fc, holds, parsedOrRefused } from '../../../test/support/fuzz.ts';
import { isFailure } from '../../domain/errors.ts';
import { parseImageReference } from '../../domain/image-reference.ts';
import { concernOf } from './concerns.ts';
import type { HeaderOf, Notice } from './notice.ts';
import { hashSecret, hasSecretForm, proveSender, secretOf, secretRandomBytes } from './prove-sender.ts';
import { readNotice } from './read-notice.ts';
import { senders } from './senders/all.ts';

const digest = `sha256:${'5e'.repeat(32)}`;
const headerOf =
  (headers: Readonly<Record<string, string>>): HeaderOf =>
  (name) =>
    headers[name] ?? null;
const json = { 'content-type': 'application/json' };

function read(body: unknown, headers: Record<string, string> = json): Notice {
  return readNotice(Buffer.from(JSON.stringify(body)), headerOf(headers));
}

/** host/path:tag@digest of what was pushed, `*` after what only lies within. */
const told = (notice: Notice): string[] =>
  notice.pushed.map(({ path, host, isWithin, tag, digest: itsDigest }) =>
    [host ? `${host}/` : '', path, isWithin ? '/*' : '', tag ? `:${tag}` : '', itsDigest ? '@digest' : ''].join(''),
  );

const event = (more: object, target: object = {}) => ({
  ...{ id: '1f', timestamp: '2026-01-31T12:00:00Z', action: 'push', actor: { name: 'ann' } },
  target: {
    ...{ mediaType: 'application/vnd.docker.distribution.manifest.v2+json', size: 900, length: 900, digest },
    ...{ repository: 'team/web', url: 'http://registry:5000/v2/team/web/manifests/latest', tag: 'latest', ...target },
  },
  request: { id: 'r', addr: '10.0.0.1:1', host: 'registry:5000', method: 'PUT', useragent: 'docker/20.10' },
  source: { addr: 'registry:5000', instanceID: 'i' },
  ...more,
});

const aPackage = (more: object = {}) => ({
  ...{
    id: 7,
    name: 'Web',
    namespace: 'Team',
    package_type: 'CONTAINER',
    ecosystem: 'CONTAINER',
    owner: { login: 'Team' },
  },
  package_version: {
    ...{ id: 9, version: digest, name: digest, package_url: 'ghcr.io/team/web:latest' },
    container_metadata: { tag: { name: 'latest', digest }, labels: {}, manifest: {} },
  },
  registry: { name: 'GitHub Packages', url: 'https://ghcr.io/team', vendor: 'GitHub Inc' },
  ...more,
});

const harborData = {
  resources: [{ digest, tag: 'latest', resource_url: 'harbor.example/team/web:latest' }],
  repository: { name: 'web', namespace: 'team', repo_full_name: 'team/web', repo_type: 'private', date_created: 1 },
};

const cases: [name: string, body: unknown, sender: string, pushed: string[]][] = [
  [
    'Docker Hub',
    {
      callback_url: 'https://registry.hub.docker.com/u/team/web/hook/2141b5/',
      push_data: { pushed_at: 1_417_566_161, pusher: 'ann', tag: 'latest' },
      repository: {
        name: 'web',
        namespace: 'team',
        owner: 'team',
        repo_name: 'team/web',
        is_private: true,
        star_count: 0,
      },
    },
    'Docker Hub',
    ['team/web:latest'],
  ],
  ['a notification of Distribution', { events: [event({})] }, 'Distribution', ['team/web:latest@digest']],
  [
    'several, of which one is a push of a manifest',
    {
      events: [
        event({ action: 'pull' }),
        event({}, { mediaType: 'application/octet-stream', tag: undefined }),
        event({}, { mediaType: 'application/vnd.oci.image.index.v1+json', tag: '2', repository: 'team.x/web' }),
        event({ action: 'delete' }),
      ],
    },
    'Distribution',
    ['team.x/web:2@digest'],
  ],
  ['one event alone, as Azure sends it', event({}), 'Azure', ['team/web:latest@digest']],
  [
    'registry_package of GitHub',
    { action: 'published', registry_package: aPackage() },
    'GitHub',
    ['team/web:latest@digest'],
  ],
  ['package of GitHub', { action: 'updated', package: aPackage() }, 'GitHub package', ['team/web:latest@digest']],
  [
    'a package of another kind',
    { action: 'published', registry_package: aPackage({ package_type: 'npm', ecosystem: 'npm' }) },
    'GitHub',
    [],
  ],
  ['the ping of a new hook of GitHub', { zen: 'Keep it.', hook_id: 1, hook: {} }, 'GitHub ping', []],
  [
    'a pipeline of GitLab that succeeded',
    {
      object_kind: 'pipeline',
      object_attributes: { status: 'success', ref: 'main' },
      project: { path_with_namespace: 'Team/Web' },
    },
    'GitLab',
    ['team/web/*'],
  ],
  [
    'a pipeline of GitLab that runs',
    { object_kind: 'pipeline', object_attributes: { status: 'running' }, project: { path_with_namespace: 'team/web' } },
    'GitLab',
    [],
  ],
  [
    'a deployment of GitLab',
    { object_kind: 'deployment', status: 'success', project: { path_with_namespace: 'team/web' } },
    'GitLab deployment',
    ['team/web/*'],
  ],
  [
    'another event of GitLab',
    { object_kind: 'push', project: { path_with_namespace: 'team/web' } },
    'GitLab event',
    [],
  ],
  [
    'Harbor',
    { type: 'PUSH_ARTIFACT', occur_at: 1, operator: 'ann', event_data: harborData },
    'Harbor',
    ['team/web:latest@digest'],
  ],
  ['a deletion at Harbor', { type: 'DELETE_ARTIFACT', occur_at: 1, event_data: harborData }, 'Harbor', []],
  [
    'Harbor as CloudEvents',
    { specversion: '1.0', id: 'a1', source: '/projects/1', type: 'harbor.artifact.pushed', data: harborData },
    'Harbor CloudEvents',
    ['team/web:latest@digest'],
  ],
  [
    'Quay',
    {
      name: 'web',
      repository: 'team/web',
      namespace: 'team',
      docker_url: 'quay.io/team/web',
      updated_tags: ['latest', '2'],
    },
    'Quay',
    ['quay.io/team/web:latest', 'quay.io/team/web:2'],
  ],
  [
    'Quay of before',
    { name: 'web', repository: 'team/web', docker_url: 'quay.io/team/web', updated_tags: { latest: 'b750' } },
    'Quay',
    ['quay.io/team/web:latest'],
  ],
  [
    'Gitea and Forgejo',
    {
      action: 'created',
      repository: null,
      package: { id: 1, owner: { login: 'Team' }, name: 'web', version: 'latest', type: 'container' },
      sender: { login: 'ann' },
    },
    'Gitea',
    ['team/web:latest'],
  ],
  [
    'a package of Gitea that is called by its digest',
    { action: 'created', package: { owner: { login: 'team' }, name: 'web', version: digest, type: 'container' } },
    'Gitea',
    ['team/web@digest'],
  ],
  ['a script', { image: 'ghcr.io/team/web', tag: 'latest' }, 'plain', ['ghcr.io/team/web:latest']],
  [
    'a script, all in one',
    { image: `localhost:5000/team/web:1@${digest}` },
    'plain',
    ['localhost:5000/team/web:1@digest'],
  ],
  ['a script that names no tag', { image: 'team/web' }, 'plain', ['team/web']],
];

for (const [name, body, sender, pushed] of cases) {
  test(`reads the notice of ${name}`, () => {
    const notice = read(body);
    assert.equal(notice.sender, sender);
    assert.deepEqual(told(notice), pushed);
  });
}

test('every sender of the list has a notice here', () => {
  assert.deepEqual(new Set(cases.map(([, , sender]) => sender)), new Set(senders.map(({ name }) => name)));
});

test('a name that no image can have is none that was pushed', () => {
  for (const image of ['../../etc', 'a b', 'http://169.254.169.254/x', 'team/web:--x', '', 'ghcr.io/Team/Web'])
    assert.deepEqual(parsedOrRefused(() => read({ image }), 'bad-request')?.value.pushed ?? [], [], image);
  assert.deepEqual(read({ events: [event({}, { repository: '../x' })] }).pushed, []);
});

test('a delivery is known by the mark of its sender, a script’s by none', () => {
  const of = (body: unknown, headers: Record<string, string> = {}) => read(body, { ...json, ...headers }).deliveryId;
  const hub = cases[0]![1];
  assert.match(of(hub)!, /^[0-9a-f]{64}$/);
  assert.equal(of(hub), of(hub));
  const github = cases.find(([, , sender]) => sender === 'GitHub')![1];
  assert.equal(of(github), null);
  assert.notEqual(of(github, { 'x-github-delivery': 'a' }), of(github, { 'x-github-delivery': 'b' }));
  assert.equal(of({ image: 'team/web' }), null);
  assert.notEqual(of({ events: [event({})] }), of({ events: [event({ id: '20' })] }));
});

test('only JSON in UTF-8 is read, and only what some sender sends', () => {
  const refuses = (bytes: Uint8Array, type: string | null, why: RegExp) =>
    assert.throws(
      () => readNotice(bytes, headerOf(type === null ? {} : { 'content-type': type })),
      (error) => isFailure(error, 'bad-request') && why.test(error.message),
    );
  const body = Buffer.from('{"image":"team/web"}');
  for (const type of [
    null,
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/json; charset=latin1',
    'text/json',
  ])
    refuses(body, type, /content type|declared/);
  for (const type of [
    'application/json',
    'Application/JSON; charset=UTF-8',
    'application/vnd.docker.distribution.events.v1+json',
  ])
    assert.equal(readNotice(body, headerOf({ 'content-type': type })).sender, 'plain');
  refuses(Buffer.from([0x7b, 0xff, 0x7d]), 'application/json', /UTF-8/);
  refuses(Buffer.from('{"image":'), 'application/json', /JSON/);
  refuses(Buffer.from(''), 'application/json', /JSON/);
  for (const text of ['null', '[]', '1', '"x"', '{}', '{"image":"a","url":"http://x"}', '{"events":"x"}'])
    refuses(Buffer.from(text), 'application/json', /no registry/);
  refuses(Buffer.from('['.repeat(200_000) + ']'.repeat(200_000)), 'application/json', /no registry|JSON/);
});

test('whatever JSON comes is read or refused, and what it names stays within the grammar', () => {
  const keys = [
    ...[
      'events',
      'id',
      'action',
      'target',
      'repository',
      'digest',
      'tag',
      'callback_url',
      'push_data',
      'repo_name',
      'package',
    ],
    ...[
      'registry_package',
      'name',
      'package_type',
      'package_version',
      'version',
      'owner',
      'login',
      'object_kind',
      'project',
    ],
    ...[
      'path_with_namespace',
      'status',
      'type',
      'event_data',
      'data',
      'resources',
      'docker_url',
      'updated_tags',
      'image',
    ],
  ];
  holds(anyJson(keys), 3000, (body) => checkRead(body));
  // Near misses: a true notice with one of its values replaced by anything.
  const broken = fc.tuple(fc.constantFrom(...cases.map(([, body]) => body)), fc.nat(40), anyJson(keys));
  holds(broken, 3000, ([body, at, value]) => {
    let place = 0;
    checkRead(JSON.parse(JSON.stringify(body), (_key, old) => (place++ === at ? value : old)));
  });
});

function checkRead(body: unknown): void {
  const text = JSON.stringify(body) ?? 'null';
  const read = parsedOrRefused(() => readNotice(Buffer.from(text), headerOf(json)), 'bad-request');
  for (const { path, host, tag, digest: its } of read?.value.pushed ?? []) {
    assert.match(path, /^[a-z0-9][a-z0-9._/-]*$/);
    assert.doesNotMatch(path, /\.\.|\/\//);
    if (host !== null) assert.match(host, /^[a-z0-9.:[\]-]+$/);
    if (tag !== null) assert.match(tag, /^\w[\w.-]{0,127}$/);
    if (its !== null) assert.match(its, /^sha256:[0-9a-f]{64}$/);
  }
}

test('a notice is about an app only when it is about its repository and its tag', () => {
  const says = (body: unknown, image: string): string => {
    const concern = concernOf(read(body), parseImageReference(image));
    return concern.concerns ? 'yes' : concern.why;
  };
  const script = (image: string, tag?: string) => ({ image, ...(tag ? { tag } : {}) });
  assert.equal(says(script('team/web', 'latest'), 'ghcr.io/team/web'), 'yes');
  assert.equal(says(script('team/web'), 'ghcr.io/team/web:7'), 'yes');
  assert.equal(says(script('nginx', 'latest'), 'nginx'), 'yes');
  assert.match(says(script('team/web', '2'), 'ghcr.io/team/web'), /another tag/);
  assert.match(says(script('team/other'), 'ghcr.io/team/web'), /another repository/);
  assert.match(says(script('evil.example/team/web'), 'ghcr.io/team/web'), /another repository/);
  assert.match(says(script('web'), 'ghcr.io/team/web'), /another repository/);
  assert.match(says(script('team/web'), `ghcr.io/team/web@${digest}`), /held to a digest/);
  assert.match(says({ zen: 'x', hook_id: 1 }, 'ghcr.io/team/web'), /no image/);
  const pipeline = (path: string) => ({
    ...{ object_kind: 'pipeline', object_attributes: { status: 'success' } },
    project: { path_with_namespace: path },
  });
  assert.equal(says(pipeline('team/web'), 'registry.gitlab.com/team/web/app:1'), 'yes');
  assert.match(says(pipeline('team/we'), 'registry.gitlab.com/team/web/app:1'), /another repository/);
});

test('a sender proves itself by the address, a header or a signature over the very bytes', () => {
  const secret = secretOf(randomBytes(secretRandomBytes));
  const other = secretOf(randomBytes(secretRandomBytes));
  assert.ok(hasSecretForm(secret));
  const hash = hashSecret(secret);
  const bytes = Buffer.from('{"image":"team/web"}');
  const hmac = (key: string, body = bytes, algorithm = 'sha256') =>
    createHmac(algorithm, key).update(body).digest('hex');
  const proof = (headers: Record<string, string>, inPath = 'hok_x') =>
    proveSender({ bytes, header: headerOf(headers), inPath }, hash);
  const basic = (password: string) => `Basic ${Buffer.from(`hook:${password}`).toString('base64')}`;
  const table: [Record<string, string>, string, string][] = [
    [{}, 'hok_x', 'unproven'],
    [{}, secret, 'proven'],
    [{}, other, 'wrong'],
    [{ 'x-hub-signature-256': `sha256=${hmac(secret)}` }, 'hok_x', 'proven'],
    [{ 'x-hub-signature-256': `sha256=${hmac(secret).toUpperCase()}` }, 'hok_x', 'proven'],
    [{ 'x-hub-signature-256': `sha256=${hmac(other)}` }, 'hok_x', 'wrong'],
    [{ 'x-hub-signature-256': `sha256=${hmac(secret, Buffer.from('{"image": "team/web"}'))}` }, 'hok_x', 'wrong'],
    [{ 'x-hub-signature-256': `sha1=${hmac(secret, bytes, 'sha1')}` }, 'hok_x', 'wrong'],
    [{ 'x-hub-signature-256': '' }, 'hok_x', 'wrong'],
    [{ 'x-hub-signature': `sha1=${hmac(secret, bytes, 'sha1')}` }, 'hok_x', 'unproven'],
    [{ 'x-gitea-signature': hmac(secret) }, 'hok_x', 'proven'],
    [{ 'x-forgejo-signature': hmac(other) }, 'hok_x', 'wrong'],
    [{ 'x-gitlab-token': secret }, 'hok_x', 'proven'],
    [{ 'x-gitlab-token': other }, 'hok_x', 'wrong'],
    [{ authorization: `Bearer ${secret}` }, 'hok_x', 'proven'],
    [{ authorization: basic(secret) }, 'hok_x', 'proven'],
    [{ authorization: basic('') }, 'hok_x', 'wrong'],
    [{ authorization: secret }, 'hok_x', 'proven'],
    [{ authorization: other }, 'hok_x', 'wrong'],
    // One that holds does not make up for one that does not.
    [{ 'x-hub-signature-256': `sha256=${hmac(other)}` }, secret, 'wrong'],
    [{ 'x-gitlab-token': hash }, 'hok_x', 'wrong'],
  ];
  for (const [headers, inPath, expected] of table)
    assert.equal(proof(headers, inPath), expected, JSON.stringify(headers).slice(0, 80));
});
