// What Go's checks have in common: the modules of their part, the files that are theirs, and how `go` is asked.
import type { CheckPlan, GateFacts } from '../check.ts';
import { isForeign } from '../part.ts';
import { type GoModule, goModulePath } from '../reports/go-packages.ts';
import { runnerFiles } from './runner-files.ts';

const mostModules = 20;

/** The part of go.mjs that asks it. */
const parts = {
  fmt: ['go_fmt.mjs'],
  vet: ['go_vet.mjs'],
  test: ['go_tests.mjs'],
  docs: ['go_docs.mjs', 'docs.go'],
  lint: ['go_lint.mjs'],
} as const;

/** The modules that hold sources; `isInWork`: go.work names it, or there is none. */
export function goModules(facts: GateFacts): (GoModule & { isInWork: boolean })[] {
  const used = workFolders(facts.texts.get('go.work'));
  return facts.paths
    .filter((path) => /(?:^|\/)go\.mod$/.test(path) && !isForeign(path))
    .map((path) => path.slice(0, -'go.mod'.length))
    .filter((folder) => facts.paths.some((path) => path.endsWith('.go') && path.startsWith(folder)))
    .slice(0, mostModules)
    .map((folder) => ({
      folder,
      path: goModulePath(facts.texts.get(`${folder}go.mod`) ?? '') ?? folder,
      isInWork: used === null || used.has(folder),
    }));
}

/** The folders of `use` lines; null: there is no go.work. */
function workFolders(text: string | undefined): Set<string> | null {
  if (text === undefined) return null;
  const lines = text.replaceAll(/\/\/.*$/gm, '').matchAll(/^\s*(?:use\s+)?"?(\.\/?[^\s"()]*)"?\s*$/gm);
  return new Set(
    [...lines].map((match) => `${match[1]!.replace(/^\.\/?/, '').replace(/\/$/, '')}/`.replace(/^\/$/, '')),
  );
}

/** Sources that somebody here wrote. */
export const goFiles = (facts: GateFacts): string[] =>
  facts.paths.filter((path) => path.endsWith('.go') && !isForeign(path));

/** Of files whose lines changed; at the first push all. */
export const changedOf = (facts: GateFacts, files: readonly string[]): string[] =>
  files.filter((path) => facts.changed === null || (facts.changed.get(path)?.size ?? 0) > 0);

/**
 * With the modules of the app's layer nothing is fetched while a check runs; a module beside an app of another language fetches
 * its own.
 */
export function goPlan(
  facts: GateFacts,
  verb: keyof typeof parts,
  given: Pick<CheckPlan, 'reports' | 'deadlineMs'> & { needsModules: boolean; spec: object; linter?: string },
): CheckPlan {
  const { reports, deadlineMs, needsModules, spec, linter } = given;
  const hasLayer = needsModules && facts.gateLayer === 'go';
  return {
    command: {
      argv: [
        ...['{tool:node}', '{job}/go.mjs', verb, '--go', '{tool:go}', '--spec', '{job}/spec.json'],
        ...['--reports', '{reports}'],
        ...(linter === undefined ? [] : ['--linter', linter]),
      ],
    },
    env: {
      GOCACHE: '{cache}/go-build',
      ...(linter === undefined ? {} : { GOLANGCI_LINT_CACHE: '{cache}/golangci-lint' }),
      GOENV: 'off',
      GOFLAGS: '-trimpath -buildvcs=false',
      GOTELEMETRY: 'off',
      GOTOOLCHAIN: 'auto',
      ...(hasLayer ? { GOMODCACHE: '{layer}/mod', GOPROXY: 'off' } : { GOMODCACHE: '{cache}/go-mod' }),
      ...(needsModules ? facts.testEnv : {}),
    },
    files: { ...runnerFiles('go.mjs', 'go_asked.mjs', ...parts[verb]), 'spec.json': JSON.stringify(spec) },
    reports,
    tools: ['node', 'go'],
    deadlineMs,
    layer: hasLayer ? 'gate' : 'none',
  };
}
