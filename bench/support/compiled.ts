// The compiled build of what is checked out, made anew: what is measured is what is published.
import { build } from '../../scripts/build.ts';
import { root } from '../../test/support/stage.ts';
import { say } from './report.ts';

/** @throws when the build is not whole */
export function freshBuild(): void {
  say('the build is made');
  const built = build(root);
  if ('problems' in built) throw new Error(`the build is not whole: ${built.problems.join('; ')}`);
}
