import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { findGos } from './go-interpreters.ts';

const home = mkdtempSync(join(tmpdir(), 'lockstep-gos-'));
chmodSync(home, 0o755);
after(() => rmSync(home, { recursive: true, force: true }));
const needsRoot = { skip: process.getuid?.() === 0 ? false : 'needs root: identities' };

/** A folder with a program `go` that says so of itself. */
function place(name: string, version: string, mode = 0o755, hasSource = true): string {
  const at = join(home, name);
  mkdirSync(join(at, 'src', 'fmt'), { recursive: true });
  if (hasSource) writeFileSync(join(at, 'src', 'fmt', 'print.go'), '');
  writeFileSync(join(at, 'go'), `#!/bin/sh\nprintf '%s\\n%s\\n' '${version}' '${at}'\n`, { mode: 0o755 });
  chmodSync(at, mode);
  return at;
}

test('a Go counts when an app can run it and it can fetch others; ours comes last', needsRoot, async () => {
  const places = [
    place('new', 'go1.9.9'),
    place('old', 'go1.19.8'),
    place('closed', 'go1.30.1', 0o700),
    place('fine', 'go1.22.1'),
    place('newer', 'go1.26.8'),
    place('bare', 'go1.27.0', 0o755, false),
    place('other', 'devel +abc'),
    join(home, 'nowhere'),
  ];
  const found = await findGos({ fetched: '1.27.3', path: '', places });
  assert.deepEqual(
    found.map(({ version, path }) => [version, path]),
    [
      ['1.26.8', join(home, 'newer', 'go')],
      ['1.22.1', join(home, 'fine', 'go')],
      ['1.27.3', null],
    ],
  );
  assert.match(found[0]!.id, /^go-1\.26\.8-[0-9a-f]{8}$/);
  assert.equal(found[2]!.id, 'go-1.27.3-fetched');
});
