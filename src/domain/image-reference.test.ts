import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anyText, fc, holds, parsedOrRefused } from '../../test/support/fuzz.ts';
import { isFailure } from './errors.ts';
import { imageText, parseImageReference, parseRepository } from './image-reference.ts';

const digest = `sha256:${'0a'.repeat(32)}`;

const cases: Readonly<Record<string, string>> = {
  nginx: 'docker.io/library/nginx:latest',
  'team/web': 'docker.io/team/web:latest',
  'docker.io/nginx': 'docker.io/library/nginx:latest',
  'index.docker.io/team/web:2': 'docker.io/team/web:2',
  'localhost/web': 'localhost/web:latest',
  'localhost:5000/team/web:v1.2-rc_3': 'localhost:5000/team/web:v1.2-rc_3',
  '127.0.0.1:5000/a__b/c---d.e': '127.0.0.1:5000/a__b/c---d.e:latest',
  'GHCR.io/team/web': 'ghcr.io/team/web:latest',
  '[::1]:5000/web': '[::1]:5000/web:latest',
  [`web@${digest}`]: `docker.io/library/web@${digest}`,
  [`quay.io/team/web:1@${digest}`]: `quay.io/team/web:1@${digest}`,
};

for (const [text, expected] of Object.entries(cases)) {
  test(`the image ${text} is ${expected}`, () => assert.equal(imageText(parseImageReference(text)), expected));
}

const refused = [
  '',
  ' ',
  'Web',
  'team/Web',
  'a/../b',
  '/web',
  'web/',
  'a//b',
  'web:',
  'web:-1',
  `web:${'a'.repeat(129)}`,
  'web@sha256:abc',
  `web@sha512:${'0'.repeat(128)}`,
  `web@${digest}@${digest}`,
  'http://ghcr.io/team/web',
  'user:password@ghcr.io/team/web',
  'ghcr.io:99999/team/web',
  'ghcr.io:0/team/web',
  'ghcr.io/team/web?x=1',
  'ghcr.io/team/web#x',
  'ghcr.io/team/we\u0000b',
  'ghcr.io/team/web\n',
  '-ghcr.io/team/web',
  'a_b.io/web',
  'f'.repeat(64),
  `ghcr.io/${'a'.repeat(250)}`,
  'web:1 --privileged',
];

for (const text of refused) {
  test(`${JSON.stringify(text.slice(0, 40))} names no image`, () => {
    assert.throws(
      () => parseImageReference(text),
      (error) => isFailure(error, 'bad-image'),
    );
  });
}

test('whatever is read is written in one form, which reads as the same again', () => {
  const words = [
    'ghcr.io',
    'localhost',
    ':5000',
    '/',
    'team',
    'web',
    ':',
    'latest',
    '@',
    digest,
    '..',
    '__',
    '-',
    '.',
    'A',
  ];
  holds(anyText(words, 12), 4000, (text) => {
    const read = parsedOrRefused(() => parseImageReference(text), 'bad-image');
    if (read === null) return;
    const written = imageText(read.value);
    assert.match(written, /^[a-z0-9.:[\]-]+\/[a-z0-9._/-]+(?::[\w.-]+)?(?:@sha256:[0-9a-f]{64})?$/);
    assert.deepEqual(parseImageReference(written), read.value);
  });
});

test('a repository is no path that leaves its place', () => {
  holds(fc.string({ maxLength: 40 }), 3000, (text) => {
    const place = parseRepository(text);
    if (place) assert.doesNotMatch(`${place.host}/${place.path}`, /\.\.|\/\/|\s|[@?#%\\]/);
  });
});
