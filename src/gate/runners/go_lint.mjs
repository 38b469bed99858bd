// golangci-lint, a part of go.mjs: every finding of it, whatever its configuration would hide or mend.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { argument, go, lastWords, place, report, reports, run, spec, workOf } from './go_asked.mjs';

/** golangci-lint ends with 0 for findings here, 5 where a module has no sources, else it could not do its work. */
export function ask() {
  const linter = argument('--linter');
  const program = linter === 'own' ? [go, 'tool', 'golangci-lint'] : [linter];
  const flags = ['--path-mode=abs', '--issues-exit-code=0', '--allow-parallel-runners', '--show-stats=false'];
  // Its own limits would hide what is new behind what is old, and a repair would hide itself.
  flags.push('--max-issues-per-linter=0', '--max-same-issues=0', '--fix=false');
  flags.push('--new=false', '--new-from-rev=', '--new-from-patch=', '--new-from-merge-base=');
  const out = join(reports, 'golangci.json');
  const PATH = `${dirname(go)}:${process.env.PATH ?? ''}`;
  for (const module of spec.modules) {
    rmSync(out, { force: true });
    const argv = [...program, 'run', ...flags, `--output.json.path=${out}`, './...'];
    const { stdout, stderr, status } = run(argv, module.folder, { ...workOf(module), PATH });
    if (status === 5) continue;
    let issues = null;
    try {
      issues = status === 0 ? (JSON.parse(readFileSync(out, 'utf8')).Issues ?? []) : null;
    } catch {
      // It left no report.
    }
    if (issues === null) {
      process.stderr.write(`${stdout ?? ''}${stderr ?? ''}`);
      const said = lastWords(stderr ?? '').replace(/^.*?The command is terminated due to an error: /s, '');
      report.failed = `golangci-lint ended with exit ${status}: ${said}`;
      break;
    }
    for (const one of issues) {
      // What does not compile is told as the first line of its package, and of itself in the text.
      const inText = one.FromLinter === 'typecheck' ? /^(\S+\.go:\d+)(?::\d+)?: (.*)$/m.exec(one.Text) : null;
      if (inText) place(module.folder, inText[1], 'typecheck', inText[2]);
      else place(module.folder, `${one.Pos?.Filename}:${one.Pos?.Line}`, one.FromLinter, one.Text);
    }
  }
  rmSync(out, { force: true });
  writeFileSync(join(reports, 'lint.json'), JSON.stringify(report));
}
