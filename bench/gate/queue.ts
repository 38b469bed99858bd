// How fast a queue of merge requests lands. Each branch has a module of its own and was found green by itself; every so many of them
// break together with any other, which only the queue can find: a batch with one of them is refused and halved.
import { join } from 'node:path';
import { now } from '../../scripts/demo/ask.ts';
import { type Json, root, type Stage, until } from '../../test/support/stage.ts';

/** `gates`: commits that landed; fewer than `landed` where requests shared one. */
export type Queue = { share: number; asked: number; landed: number; rejected: number; gates: number; seconds: number };

/** Of which the checks run when they are pushed together. */
const together = 3;
const limitMs = 5 * 60_000;

export async function measureQueue(stage: Stage, share: number, merges: number): Promise<Queue> {
  const app = `queue-${Math.round(share * 100)}`;
  const work = await stage.makeApp(app, join(root, 'examples', 'flask-guestbook'));
  await stage.deploy(work);
  const every = share > 0 ? Math.round(1 / share) : 0;
  // Never the first: nothing is there yet that it could break with.
  const names = Array.from({ length: merges }, (_, at) => `b${at}`);
  for (const [at, name] of names.entries()) {
    const isRed = every > 0 && at % every === every - 1;
    await stage.git(work, 'checkout', '-q', '-b', name, 'main');
    stage.write(work, { ...moduleOf(name), ...(isRed ? loner(name) : {}) });
    await stage.commit(work, `Add ${name}`);
  }
  for (let at = 0; at < names.length; at += together) {
    const some = names.slice(at, at + together);
    const pushed = await stage.push(work, ...some);
    const green = [...pushed.stderr.matchAll(/mergeable: yes/g)].length;
    if (green !== some.length) throw new Error(`${green} of ${some.length} branches are mergeable: ${pushed.stderr}`);
  }
  const begunAt = now();
  for (const branch of names) {
    const { status, body } = await stage.api(`/apps/${app}/merges`, { method: 'POST', body: { branch } });
    if (status !== 202) throw new Error(`a merge was not taken: ${JSON.stringify(body)}`);
  }
  const ended = async (): Promise<Json[]> => {
    const { items } = (await stage.api(`/apps/${app}/changes?limit=200`)).body;
    return items.filter((one: Json) => one.how === 'merge' && one.endedAt !== null);
  };
  await until(
    async () => (await ended()).length >= merges,
    limitMs,
    () => `the queue did not end in ${limitMs / 60_000} minutes`,
  );
  const seconds = (now() - begunAt) / 1000;
  const all = await ended();
  const landed = all.filter(({ state }) => state === 'landed');
  await stage.lockstep(['destroy', '-a', app, '--yes']);
  return {
    ...{ share, asked: merges, seconds, landed: landed.length },
    rejected: all.filter(({ state }) => state === 'rejected').length,
    gates: new Set(landed.map(({ candidate }) => candidate)).size,
  };
}

const moduleOf = (name: string): Record<string, string> => ({
  [`bench_${name}.py`]: `"""A module of the bench."""\n\nVALUE = "${name}"\n`,
});

/** A test that passes as long as nobody else has landed. */
const loner = (name: string): Record<string, string> => ({
  [`tests/test_${name}.py`]: [
    `"""It stands alone."""\n`,
    'from pathlib import Path\n\n',
    `def test_${name}_is_alone():`,
    '    """No other module of the bench is there."""',
    '    others = Path(__file__).parent.parent.glob("bench_*.py")',
    `    assert [one.stem for one in others] == ["bench_${name}"]\n`,
  ].join('\n'),
});
