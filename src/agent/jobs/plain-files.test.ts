import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type TarEntry, tarStream } from '../../build/context/tar.ts';
import { plainFiles } from './plain-files.ts';

const entry = (path: string, kind: TarEntry['kind'], text: string): TarEntry => {
  const content = Buffer.from(text);
  return { path: Buffer.from(path), kind, size: kind === 'folder' ? 0 : content.length, content };
};

async function* pieces(entries: TarEntry[], step: number): AsyncGenerator<Buffer> {
  const given = async function* () {
    yield* entries;
  };
  const chunks: Buffer[] = [];
  for await (const chunk of tarStream(given())) chunks.push(chunk);
  const whole = Buffer.concat(chunks);
  for (let at = 0; at < whole.length; at += step) yield whole.subarray(at, at + step);
}

test('only plain files of the wanted names come out of a tar stream, however it is cut, within the limits', async () => {
  const entries = [
    entry('reports/', 'folder', ''),
    entry('reports/tests.json', 'file', '{}'),
    entry('reports/junit.xml', 'link', '/etc/passwd'),
    entry('../lcov.info', 'file', 'out'),
    entry('reports/large', 'file', 'x'.repeat(2000)),
    entry('reports/lcov.info', 'program', 'y'.repeat(700)),
  ];
  const wanted = new Set(['reports/tests.json', 'reports/junit.xml', 'reports/large', 'reports/lcov.info']);
  const check = async (step: number, wholeBytes: number, expected: string[]) => {
    const found: string[] = [];
    const files = plainFiles(pieces(entries, step), wanted, { fileBytes: 1000, wholeBytes });
    for await (const { path, bytes } of files) found.push(`${path} ${bytes.length}`);
    assert.deepEqual(found, expected);
  };
  const all = ['reports/tests.json 2', 'reports/lcov.info 700'];
  for (const step of [1, 7, 512, 100_000]) await check(step, 1e6, all);
  await check(512, 2048, all.slice(0, 1));
  await check(512, 100, []);
});

test('where a stream breaks off or makes no sense it has ended; what its source throws is thrown', async () => {
  const wanted = new Set(['reports/a', 'reports/b']);
  const limits = { fileBytes: 1000, wholeBytes: 1e6 };
  const whole: Buffer[] = [];
  for await (const piece of pieces([entry('reports/a', 'file', 'a'), entry('reports/b', 'file', 'b')], 512))
    whole.push(piece);
  const found = async (...chunks: (Buffer | Error)[]): Promise<string[]> => {
    const given = async function* () {
      for (const chunk of chunks) {
        if (chunk instanceof Error) throw chunk;
        yield chunk;
      }
    };
    const paths: string[] = [];
    for await (const { path } of plainFiles(given(), wanted, limits)) paths.push(path);
    return paths;
  };
  assert.deepEqual(await found(...whole), ['reports/a', 'reports/b']);
  assert.deepEqual(await found(...whole.slice(0, 3)), ['reports/a']);
  assert.deepEqual(await found(...whole.slice(0, 2), Buffer.alloc(512, 1)), ['reports/a']);
  await assert.rejects(found(...whole.slice(0, 3), new Error('the engine went away')), /went away/);
});
