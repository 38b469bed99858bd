import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { captureFifo } from './capture.ts';
import { launch, makeFifo } from './launcher.ts';
import { type CaptureCaps, lineSplitter, safeText } from './line-splitter.ts';
import { readBudget } from './read-budget.ts';
import { terminate } from './terminate.ts';

const scratch = mkdtempSync(join(tmpdir(), 'lockstep-flood-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

function splitter(caps: Partial<CaptureCaps>) {
  const clock = { ms: 0 };
  const seen = { lines: [] as string[], dropped: 0 };
  const sink = {
    line: (text: string) => void seen.lines.push(text),
    dropped: (bytes: number) => {
      seen.dropped += bytes;
    },
  };
  const all = { lineBytes: 1000, burstBytes: 10_000, bytesPerSecond: 1000, linesPerSecond: 100, ...caps };
  return { clock, seen, ...lineSplitter(sink, all, () => clock.ms) };
}

test('C5: of a flood the allowance is kept and the rest is counted, to the byte, and its last words are told', () => {
  const { clock, seen, push, end } = splitter({});
  const lines = Array.from({ length: 50_000 }, (_, at) => `line ${at}`);
  const bytes = Buffer.from(`${lines.join('\n')}\n`);
  for (let at = 0; at < bytes.length; at += 777) push(bytes.subarray(at, at + 777));
  assert.deepEqual(seen.lines, lines.slice(0, 100));
  clock.ms = 500; // half of the second's lines again
  push(Buffer.from('one\ntwo\n'));
  assert.deepEqual(seen.lines.slice(100), ['one', 'two']);
  for (let at = 0; at < bytes.length; at += 777) push(bytes.subarray(at, at + 777));
  assert.deepEqual(seen.lines.slice(102), lines.slice(0, 48));
  push(Buffer.from('and here it broke'));
  end();
  assert.deepEqual(seen.lines.slice(-50), [...lines.slice(-49), 'and here it broke']);
  const kept = seen.lines.reduce((sum, line) => sum + line.length + 1, 0) - 1;
  assert.equal(kept + seen.dropped, 2 * bytes.length + 'one\ntwo\nand here it broke'.length);
});

test('C5: one line of 100 MB is its first piece, and costs no more than that', () => {
  const { seen, push, end } = splitter({ lineBytes: 64 });
  const chunk = Buffer.alloc(64 * 1024, 'x');
  for (let count = 0; count < 1600; count += 1) push(chunk);
  push(Buffer.from('\nnext\n'));
  end();
  assert.deepEqual(seen, { lines: ['x'.repeat(64), 'next'], dropped: 1600 * chunk.length - 64 });
});

test('C5: binary output becomes text that no terminal obeys', () => {
  const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString('latin1');
  assert.doesNotMatch(safeText(every), /[\x00-\x08\x0a-\x1f\x7f-\x9f]/);
  assert.equal(
    safeText('\x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b[2J\t.'),
    '\x1b[31mred\x1b[0m \ufffd]0;title\ufffd \ufffd[2J\t.',
  );
});

test('C5: who writes as fast as a pipe can waits for the reader, and a quiet neighbour is read all the same', async (t) => {
  const budget = readBudget({ eachBytesPerSecond: 2 ** 20, allBytesPerSecond: 2 ** 21 });
  const start = async (name: string, argv: string[]) => {
    const fifo = join(scratch, name);
    await makeFifo(fifo, null);
    const seen = { lines: [] as string[], bytes: 0 };
    const line = (text: string) => {
      seen.lines.push(text);
      seen.bytes += text.length + 1;
    };
    const dropped = (bytes: number) => {
      seen.bytes += bytes;
    };
    const startedAt = performance.now();
    const capture = captureFifo(fifo, { line, dropped }, { budget });
    const spec = { argv, fifo, cwd: '/', env: {}, exitFile: null, cgroups: [], openFiles: null, fileBytes: null };
    const leader = await launch({ ...spec, limitArgv: [], identity: null });
    t.after(async () => {
      await terminate({ leader, cgroup: null, mark: null, graceMs: 0 });
      await capture.ended;
    });
    return { seen, startedAt };
  };
  const flood = await start('flood', ['/usr/bin/yes']);
  while (flood.seen.bytes < 2 ** 20) await pause(5);
  const quiet = await start('quiet', ['/bin/echo', 'one word']);
  while (quiet.seen.lines.length === 0) await pause(5);
  assert.deepEqual(quiet.seen.lines, ['one word']);
  const windows = Math.ceil((performance.now() - flood.startedAt) / 100) + 1;
  const most = windows * (budget.each + 64 * 1024);
  assert.ok(flood.seen.bytes <= most, `${flood.seen.bytes} of at most ${most} bytes were read`);
});
