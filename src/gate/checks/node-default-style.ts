// The style of a JavaScript or TypeScript project that configures no tool: oxlint of the version that Lockstep pins, with its rules for
// what is outright wrong (`correctness`) and what does not parse. Nobody chose these rules, so what is often meant so is left out:
// parameters and caught errors that nothing uses (Express counts an error handler's), and expressions for their own sake (chai's).
//
// It holds where nobody said anything. A tool that is configured in the project, above it or in a folder of it, one of Lockstep's or
// of another kind, keeps it away, and so does a linter without a configuration that a script calls.
import type { GateFacts } from '../check.ts';
import { isForeign } from '../part.ts';
import { changedFiles, projectOf } from './node-project.ts';

/** Of the project's own hand: nothing built, brought along or declared only. */
const source = /(?<!\.d)\.(?:[cm]?[jt]s|[jt]sx)$/;
const made =
  /(?:^|\/)(?:dist|build|out|coverage|bower_components|\.next|\.nuxt|\.svelte-kit|\.yarn)\/|[.-](?:min|bundle)\.[cm]?js$/;
const isSource = (path: string): boolean => source.test(path) && !made.test(path) && !isForeign(path);

/** Of linters and formatters that Lockstep does not run. */
const otherConfig =
  /(?:^|\/)(?:\.(?:jshintrc|jscsrc|xo-config(?:\.[a-z]+)?)|xo\.config\.[cm]?[jt]s|(?:tslint|rome|\.?dprint|deno)\.jsonc?)$/;
const otherLinters = ['xo', 'semistandard', 'standardx', 'ts-standard', 'jshint', 'tslint', 'rome'];
const keys = /"(?:eslintConfig|prettier|standard|semistandard|xo|jshintConfig)"\s*:\s*[{[]/;

/**
 * The files that the default style looks at; null: the project has a style of its own, or no source at all.
 * @param isConfig whether a name, without its folder, configures a tool that Lockstep runs
 */
export function defaultStyle(facts: GateFacts, isConfig: (name: string) => boolean): { files: string[] } | null {
  const says = (path: string) =>
    !isForeign(path) && (isConfig(path.slice(path.lastIndexOf('/') + 1)) || otherConfig.test(path));
  if (!facts.paths.some(isSource)) return null;
  if (facts.paths.some(says) || (facts.above ?? []).some(says)) return null;
  if ([...facts.texts].some(([path, text]) => /(?:^|\/)package\.json$/.test(path) && keys.test(text))) return null;
  const { packages, scripts } = projectOf(facts);
  const isCalled = (name: string) =>
    packages.has(name) && Object.values(scripts).some((line) => line.split(/[\s;&|]+/).includes(name));
  if (otherLinters.some(isCalled)) return null;
  return { files: changedFiles(facts).filter(isSource) };
}
