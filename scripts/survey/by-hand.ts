// The project's own commands as a person runs them: in a fresh environment of its own, without Lockstep.
import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Stage } from '../../test/support/stage.ts';
import { type Figures, findingFigures, nothing, testFigures } from './counts.ts';
import type { Project, Question } from './projects.ts';

export type ByHand = {
  question: Question | 'setup';
  command: string;
  exit: number | null;
  seconds: number;
  figures: Figures;
  /** The last words, when there are no figures. */
  last: string;
};

const limitSeconds = 400;

/** Each of its commands, after its installation; only the installation's end when that failed. */
export async function byHand(stage: Stage, project: Project, work: string): Promise<ByHand[]> {
  const folder = join(stage.folder, 'hand');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  const copy = join(folder, 'work');
  await stage.git(stage.folder, 'clone', '-q', work, copy);
  // The system's own Python and Lockstep's Node, as the gate takes them: other versions have other answers.
  const first = { python: '/usr/bin:', node: `${dirname(process.execPath)}:`, go: '' }[project.kind];
  const PATH = `${first}${process.env.PATH ?? ''}`;
  const env = { ENV: join(folder, 'env'), CI: 'true', NO_COLOR: '1', PATH };
  const ask = async (question: ByHand['question'], command: string): Promise<ByHand> => {
    const begunAt = performance.now();
    const { code, stdout, stderr } = await stage.run(
      ['timeout', '-k', '5', String(limitSeconds), 'bash', '-c', command],
      { cwd: copy, env },
    );
    const said = `${stdout}\n${stderr}`;
    const figures =
      question === 'setup' ? nothing : question === 'tests' ? testFigures(said) : findingFigures(said, code);
    const last = said.trim().split('\n').at(-1)?.replaceAll(stage.folder, '').trim().slice(0, 160) ?? '';
    return { question, command, exit: code, seconds: (performance.now() - begunAt) / 1000, figures, last };
  };
  try {
    const setup = await ask('setup', project.setup);
    if (setup.exit !== 0) return [setup];
    const told = [setup];
    for (const [question, command] of Object.entries(project.byHand) as [Question, string][])
      told.push(await ask(question, command));
    return told;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
