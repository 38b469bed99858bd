// The definitions that docs.go lists, a part of go.mjs.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { go, reports, run, spec } from './go_asked.mjs';

/** docs.go lies beside this file; it needs nothing but what comes with Go. */
export function ask() {
  const list = join(reports, 'files.json');
  writeFileSync(list, JSON.stringify(spec.files));
  const argv = [go, 'run', join(import.meta.dirname, 'docs.go'), list, join(reports, 'docstrings.json')];
  const { status, stderr } = run(argv, '', {
    GO111MODULE: 'off',
    GOTOOLCHAIN: 'local',
    GOFLAGS: '-trimpath',
    GOWORK: 'off',
  });
  rmSync(list, { force: true });
  if (status !== 0) {
    process.stderr.write(stderr ?? '');
    process.exit(1);
  }
}
