import assert from 'node:assert/strict';
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { CollectedFolder } from '../../domain/collected.ts';
import { isFailure } from '../../domain/errors.ts';
import type { JobId } from '../../domain/ids.ts';
import { run } from '../../exec/exec.ts';
import { connectAgent } from '../client.ts';
import { encodeTree, leftOutHeader } from '../tree/tree-stream.ts';
import { openCollected } from './collected.ts';

const top = mkdtempSync(join(tmpdir(), 'lockstep-collected-'));
after(() => rmSync(top, { recursive: true, force: true }));

function folder(name: string, files: Record<string, string>): string {
  const path = join(top, name);
  for (const [file, text] of Object.entries({ ...files })) {
    mkdirSync(join(path, file, '..'), { recursive: true });
    writeFileSync(join(path, file), text);
  }
  return path;
}

async function texts({ files }: Pick<CollectedFolder, 'files'>): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const { path, content } of files) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of content) chunks.push(chunk);
    found[path] = Buffer.concat(chunks).toString('utf8');
  }
  return found;
}

const limits = { files: 3, totalBytes: 100, pathBytes: 40 };

test('a folder comes with all its plain files, in an order that does not depend on the disk', async () => {
  const site = folder('whole', { 'index.html': 'a', 'b/c.html': 'b', 'a.html': '' });
  const opened = await openCollected(site);
  assert.deepEqual(opened.leftOut, { count: 0, shown: [] });
  assert.deepEqual(Object.entries(await texts(opened)), [
    ['a.html', ''],
    ['b/c.html', 'b'],
    ['index.html', 'a'],
  ]);
});

test('links, pipes, files with a second name and names that no address can hold are left out and said', async () => {
  const site = folder('strange', { 'index.html': 'fine', 'bell\u0007.html': '', '.git/config': '' });
  symlinkSync('/etc/passwd', join(site, 'passwd'));
  symlinkSync('/etc', join(site, 'etc'));
  linkSync(join(site, 'index.html'), join(top, 'elsewhere'));
  await run(['mkfifo', join(site, 'pipe')], { env: { PATH: process.env.PATH ?? '' } });
  writeFileSync(Buffer.concat([Buffer.from(`${site}/`), Buffer.from([0xff, 0x2e])]), '');
  const opened = await openCollected(site);
  assert.deepEqual(await texts(opened), {});
  assert.deepEqual([...opened.leftOut.shown].sort(), [
    '".git": a repository of its own',
    '"bell\\u0007.html": its name holds a control character or a backslash',
    '"etc": a link',
    '"index.html": has a second name',
    '"passwd": a link',
    '"pipe": no plain file',
    '"\ufffd.": its name is not UTF-8',
  ]);
  assert.equal(opened.leftOut.count, 7);
});

test('a limit refuses the whole folder by its name, and nothing of it comes', async () => {
  const refused = async (path: string, expected: RegExp) =>
    assert.rejects(
      openCollected(path, limits),
      (error) => isFailure(error, 'too-large') && expected.test(error.message),
    );
  await refused(folder('many', { a: '', b: '', c: '', d: '' }), /more than 3 files/);
  await refused(folder('large', { a: 'x'.repeat(60), b: 'x'.repeat(60) }), /more than .* MiB/);
  const long = await openCollected(folder('long', { [`${'n'.repeat(41)}`]: '' }), limits);
  assert.match(long.leftOut.shown[0]!, /longer than 40 bytes/);
});

test('a folder that is a link, a file or not there is not found', async () => {
  symlinkSync('/etc', join(top, 'link'));
  writeFileSync(join(top, 'file'), '');
  for (const name of ['link', 'file', 'nothing'])
    await assert.rejects(openCollected(join(top, name)), (error) => isFailure(error, 'not-found'));
});

test('a file that was cut while it was sent ends the stream instead of being filled up', async () => {
  const site = folder('cut', { a: 'x'.repeat(1000), b: 'y' });
  const { files } = await openCollected(site);
  truncateSync(join(site, 'a'), 10);
  await assert.rejects(texts({ files }), /became shorter/);
});

test('a stream that breaks off is an agent that is away, and never a smaller folder', async () => {
  const site = folder('sent', { a: 'x'.repeat(300_000), b: 'y' });
  const { files, leftOut } = await openCollected(site);
  const chunks: Buffer[] = [];
  async function* asTree() {
    for await (const { path, size, content } of files)
      yield { mode: '100644' as const, path: Buffer.from(path), size, content };
  }
  for await (const chunk of encodeTree(asTree())) chunks.push(chunk);
  const whole = Buffer.concat(chunks);
  let sent = whole;
  const server = createServer((_request, response) => {
    response.writeHead(200, { [leftOutHeader]: encodeURIComponent(JSON.stringify(leftOut)) });
    if (sent === whole) response.end(sent);
    else response.write(sent, () => response.destroy());
  });
  const socketPath = join(top, 'agent.sock');
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  const agent = connectAgent({ socketPath });
  try {
    const id = 'job_00000000000000000000000000' as JobId;
    assert.deepEqual(Object.keys(await texts(await agent.collected(id, 'docs'))), ['a', 'b']);
    for (const length of [4, 200, 250_000, whole.length - 1]) {
      sent = whole.subarray(0, length);
      await assert.rejects(
        agent.collected(id, 'docs').then(texts),
        (error) => isFailure(error, 'agent-away'),
        `after ${length} bytes`,
      );
    }
  } finally {
    agent.close();
    server.closeAllConnections();
    server.close();
  }
});
