import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diskFailure, diskFailureSaid } from './disk-failure.ts';
import { fail } from './errors.ts';

const errno = (code: string) => Object.assign(new Error(code), { code });
const sqlite = (errcode: number) => Object.assign(new Error('x'), { code: 'ERR_SQLITE_ERROR', errcode });

test('a disk in trouble has one name, whoever tells of it', () => {
  const check = (error: unknown, code: string | null) => assert.equal(diskFailure(error)?.code ?? null, code);
  for (const code of ['ENOSPC', 'EDQUOT']) check(errno(code), 'disk-full');
  for (const code of ['EROFS', 'EIO']) check(errno(code), 'disk-failed');
  check(sqlite(13), 'disk-full');
  check(sqlite(10 | (4 << 8)), 'disk-failed');
  check(sqlite(8), 'disk-failed');
  check(fail('disk-full', 'said before'), 'disk-full');
  for (const other of [errno('ENOENT'), sqlite(5), sqlite(11), fail('busy', 'x'), null, undefined]) check(other, null);
});

test('what a program printed is read for the same', () => {
  const check = (said: string, code: string | null) => assert.equal(diskFailureSaid(said, 'git')?.code ?? null, code);
  check('fatal: write error: No space left on device', 'disk-full');
  check('error: could not lock config file: Read-only file system', 'disk-failed');
  check('OSError: [Errno 28] No space left on device', 'disk-full');
  check('fatal: bad object', null);
});
